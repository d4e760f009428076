/*
 * Network tester, Part 1 (control protocol), in C: a second independent peer of the reference.
 *
 *     cc -std=c11 -O2 -pthread -o tester tester.c
 *
 * POSIX only. One poll() stands behind every wait, and Ctrl-C arrives there as a byte in a pipe.
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONTROL_PORT "5678"
#define BACKLOG 64
#define MILLISECONDS_PER_SECOND INT64_C(1000)

enum { VERSION = 1 };
enum { TEST_REQUEST = 1, TEST_REPLY = 2, TEST_DONE = 3, TEST_RESULTS = 4 };
enum { REQUEST_BYTES = 3, REPLY_BYTES = 4, DONE_BYTES = 2, RESULTS_BYTES = 10 };

static const char *const test_names[] = {"TCP_STREAM", "TCP_RR", "UDP_STREAM", "UDP_RR"};
enum { TEST_COUNT = sizeof test_names / sizeof test_names[0] };

/* How a wait ended. */
enum outcome { READY, SILENT, GONE, INTERRUPTED };

static int interrupt_pipe[2];

static void on_interrupt(int signal_number)
{
    int saved_errno = errno;
    (void)signal_number;
    (void)!write(interrupt_pipe[1], "", 1);
    errno = saved_errno;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * MILLISECONDS_PER_SECOND + now.tv_nsec / 1000000;
}

static void say(const char *line)
{
    puts(line);
    fflush(stdout);
}

/* Waits until `descriptor` can be read. A negative `limit_ms` is no limit. */
static enum outcome await_input(int descriptor, int64_t limit_ms)
{
    int64_t deadline = now_ms() + limit_ms;
    for (;;) {
        struct pollfd watched[2] = {
            {.fd = interrupt_pipe[0], .events = POLLIN},
            {.fd = descriptor, .events = POLLIN},
        };
        int64_t left = limit_ms < 0 ? -1 : deadline - now_ms();
        if (limit_ms >= 0 && left < 0)
            left = 0;
        int count = poll(watched, 2, left > INT32_MAX ? INT32_MAX : (int)left);
        if (count < 0 && errno != EINTR)
            return GONE;
        if (count > 0 && watched[0].revents)
            return INTERRUPTED;
        if (count > 0)
            return READY;
        if (count == 0 && limit_ms >= 0 && now_ms() >= deadline)
            return SILENT;
    }
}

/* Reads exactly `length` bytes; each of them starts the clock anew. */
static enum outcome receive(int control, uint8_t *message, size_t length, int64_t limit_ms)
{
    size_t have = 0;
    while (have < length) {
        enum outcome outcome = await_input(control, limit_ms);
        if (outcome != READY)
            return outcome;
        ssize_t count = recv(control, message + have, length - have, 0);
        if (count == 0)
            return GONE;
        if (count > 0)
            have += (size_t)count;
        else if (errno != EINTR && errno != EAGAIN)
            return GONE;
    }
    return READY;
}

static bool send_all(int control, const uint8_t *message, size_t length)
{
    while (length > 0) {
        ssize_t count = send(control, message, length, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        message += count;
        length -= (size_t)count;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------- data thread */

/* Runs until its time is over or until the other end of `stop` is closed; then closes its own end of `finished`. */
struct data_thread {
    pthread_t thread;
    int64_t time_ms; /* negative: until stopped */
    int stop[2];
    int finished[2];
};

static void *run_data_thread(void *argument)
{
    struct data_thread *data = argument;
    int64_t deadline = now_ms() + data->time_ms;
    say("Data thread opening");
    for (;;) {
        struct pollfd stopped = {.fd = data->stop[0], .events = POLLIN};
        int64_t left = data->time_ms < 0 ? -1 : deadline - now_ms();
        if (data->time_ms >= 0 && left <= 0)
            break;
        if (poll(&stopped, 1, left > INT32_MAX ? INT32_MAX : (int)left) > 0)
            break;
    }
    say("Data thread closing");
    close(data->finished[1]);
    return NULL;
}

static bool start_data_thread(struct data_thread *data, int64_t time_ms)
{
    data->time_ms = time_ms;
    if (pipe(data->stop) != 0)
        return false;
    if (pipe(data->finished) != 0) {
        close(data->stop[0]);
        close(data->stop[1]);
        return false;
    }
    if (pthread_create(&data->thread, NULL, run_data_thread, data) == 0)
        return true;
    close(data->stop[0]);
    close(data->stop[1]);
    close(data->finished[0]);
    close(data->finished[1]);
    return false;
}

static void end_data_thread(struct data_thread *data)
{
    close(data->stop[1]);
    pthread_join(data->thread, NULL);
    close(data->stop[0]);
    close(data->finished[0]);
}

/* ------------------------------------------------------------------------------------------------------ server */

static int listen_on(int family)
{
    struct addrinfo *address;
    struct addrinfo wanted = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    if (getaddrinfo(NULL, CONTROL_PORT, &wanted, &address) != 0)
        return -1;
    int listener = socket(family, SOCK_STREAM, 0);
    int yes = 1, no = 0;
    bool listens = listener >= 0 && setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0
        && (family != AF_INET6 || setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no) == 0)
        && bind(listener, address->ai_addr, address->ai_addrlen) == 0 && listen(listener, BACKLOG) == 0;
    freeaddrinfo(address);
    if (!listens && listener >= 0) {
        int reason = errno;
        close(listener);
        errno = reason;
    }
    return listens ? listener : -1;
}

/* A free port that stays ours while the test lasts. Returns the socket, or -1. */
static int open_test_port(int test, uint8_t port[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    bool is_udp = test >= 3;
    int data = socket(AF_INET, is_udp ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (data < 0)
        return -1;
    if (bind(data, (struct sockaddr *)&address, length) != 0 || (!is_udp && listen(data, 1) != 0)
        || getsockname(data, (struct sockaddr *)&address, &length) != 0) {
        close(data);
        return -1;
    }
    memcpy(port, &address.sin_port, 2); /* in network byte order already */
    return data;
}

static enum outcome serve_test(int control, int64_t limit_ms)
{
    uint8_t request[REQUEST_BYTES], done[DONE_BYTES];
    uint8_t reply[REPLY_BYTES] = {VERSION, TEST_REPLY};
    uint8_t results[RESULTS_BYTES] = {VERSION, TEST_RESULTS};

    enum outcome outcome = receive(control, request, sizeof request, limit_ms);
    if (outcome != READY)
        return outcome;
    if (request[0] != VERSION || request[1] != TEST_REQUEST || request[2] < 1 || request[2] > TEST_COUNT) {
        fprintf(stderr, "invalid Request\n");
        return GONE;
    }

    struct data_thread data;
    int data_socket = open_test_port(request[2], reply + 2);
    if (data_socket < 0)
        return GONE;
    if (!start_data_thread(&data, -1)) {
        close(data_socket);
        return GONE;
    }
    outcome = send_all(control, reply, sizeof reply) ? receive(control, done, sizeof done, limit_ms) : GONE;
    end_data_thread(&data);
    close(data_socket);
    if (outcome != READY)
        return outcome;
    if (done[0] != VERSION || done[1] != TEST_DONE) {
        fprintf(stderr, "invalid Done\n");
        return GONE;
    }
    send_all(control, results, sizeof results);
    return READY;
}

static int run_server(int64_t limit_ms)
{
    int listener = listen_on(AF_INET6);
    if (listener < 0 && errno != EADDRINUSE)
        listener = listen_on(AF_INET);
    if (listener < 0) {
        perror("cannot listen on port " CONTROL_PORT);
        return 1;
    }
    for (;;) {
        enum outcome outcome = await_input(listener, -1);
        if (outcome == READY) {
            int control = accept(listener, NULL, NULL);
            if (control < 0)
                continue;
            outcome = serve_test(control, limit_ms);
            close(control);
        }
        if (outcome == INTERRUPTED) {
            say("Exiting Server");
            close(listener);
            return 0;
        }
        if (outcome == SILENT)
            fprintf(stderr, "the client was silent for too long\n");
    }
}

/* ------------------------------------------------------------------------------------------------------ client */

static int connect_to(const char *target)
{
    struct addrinfo *addresses;
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    int error = getaddrinfo(target, CONTROL_PORT, &wanted, &addresses);
    if (error != 0) {
        fprintf(stderr, "%s: %s\n", target, gai_strerror(error));
        errno = ENOENT;
        return -1;
    }
    int control = -1;
    for (struct addrinfo *address = addresses; address != NULL && control < 0; address = address->ai_next) {
        control = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
        if (control >= 0 && connect(control, address->ai_addr, address->ai_addrlen) != 0) {
            int reason = errno;
            close(control);
            errno = reason;
            control = -1;
        }
    }
    int reason = errno;
    freeaddrinfo(addresses);
    if (control < 0 && reason != EINTR)
        fprintf(stderr, "%s: %s\n", target, strerror(reason));
    errno = reason;
    return control;
}

/* Takes the server's next message, whose type is known. */
static enum outcome expect(int control, uint8_t *message, size_t length, uint8_t type)
{
    enum outcome outcome = receive(control, message, length, -1);
    if (outcome == GONE)
        fprintf(stderr, "the server closed the connection\n");
    if (outcome == READY && (message[0] != VERSION || message[1] != type)) {
        fprintf(stderr, "the server sent version %d, type %d; version %d, type %d was due\n", message[0], message[1],
            VERSION, type);
        return GONE;
    }
    return outcome;
}

static enum outcome run_test(int control, int test, int64_t time_ms, uint64_t *packets)
{
    const uint8_t request[REQUEST_BYTES] = {VERSION, TEST_REQUEST, (uint8_t)test};
    const uint8_t done[DONE_BYTES] = {VERSION, TEST_DONE};
    uint8_t reply[REPLY_BYTES], results[RESULTS_BYTES];

    send_all(control, request, sizeof request);
    enum outcome outcome = expect(control, reply, sizeof reply, TEST_REPLY);
    if (outcome != READY)
        return outcome;

    struct data_thread data;
    if (!start_data_thread(&data, time_ms)) {
        perror("data thread");
        return GONE;
    }
    outcome = await_input(data.finished[0], -1);
    end_data_thread(&data);
    if (outcome != READY)
        return outcome;

    send_all(control, done, sizeof done);
    outcome = expect(control, results, sizeof results, TEST_RESULTS);
    *packets = 0;
    for (size_t byte = 2; byte < RESULTS_BYTES; byte++)
        *packets = *packets << 8 | results[byte];
    return outcome;
}

static int run_client(const char *target, int test, int64_t time_ms)
{
    uint64_t packets = 0;
    int control = connect_to(target);
    enum outcome outcome = GONE;
    if (control >= 0) {
        outcome = run_test(control, test, time_ms, &packets);
        close(control);
    } else if (errno == EINTR) {
        outcome = INTERRUPTED;
    }
    if (outcome == INTERRUPTED) {
        say("Exiting Client");
        return 130;
    }
    if (outcome != READY)
        return 1;
    printf("%s with %s: UDP packets received by the server: %llu\n", test_names[test - 1], target,
        (unsigned long long)packets);
    return 0;
}

/* ------------------------------------------------------------------------------------------------ command line */

static void print_help(void)
{
    puts("usage: tester [--help] [--version] [--test TEST] [--target HOST] [--time SECONDS] (--client | --server)\n\n"
         "  --help            print this and exit\n"
         "  --version         print the version and exit\n"
         "  --test TEST       TCP_STREAM, TCP_RR, UDP_STREAM or UDP_RR (TCP_STREAM)\n"
         "  --target HOST     host that the client contacts (localhost)\n"
         "  --time SECONDS    duration of the test (30)\n"
         "  --client          run as the client\n"
         "  --server          run as the server");
}

static int usage_error(const char *message, const char *value)
{
    fprintf(stderr, "tester: %s%s\n", message, value);
    return 2;
}

/* A number of seconds of at most nine digits and nothing else; -1 otherwise. */
static int64_t whole_seconds(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length > 9 || strspn(text, "0123456789") != length)
        return -1;
    return strtoll(text, NULL, 10);
}

static int test_number(const char *name)
{
    for (int test = 0; test < TEST_COUNT; test++)
        if (strcmp(name, test_names[test]) == 0)
            return test + 1;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {"test", required_argument, NULL, 't'},
        {"target", required_argument, NULL, 'a'},
        {"time", required_argument, NULL, 's'},
        {"client", no_argument, NULL, 'C'},
        {"server", no_argument, NULL, 'S'},
        {"control-timeout", required_argument, NULL, 'T'}, /* for our own tests: nobody wants to wait for 45 s */
        {NULL, 0, NULL, 0},
    };
    bool client = false, server = false;
    const char *target = NULL;
    int test = 1, option;
    int64_t seconds = 30, limit_ms = 45 * MILLISECONDS_PER_SECOND;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'h': print_help(); return 0;
        case 'v': puts("tester 1.0"); return 0;
        case 't':
            if ((test = test_number(optarg)) == 0)
                return usage_error("unknown test: ", optarg);
            break;
        case 'a': target = optarg; break;
        case 's':
            if ((seconds = whole_seconds(optarg)) < 0)
                return usage_error("not a whole number of seconds: ", optarg);
            break;
        case 'C': client = true; break;
        case 'S': server = true; break;
        case 'T': limit_ms = (int64_t)(strtod(optarg, NULL) * MILLISECONDS_PER_SECOND); break;
        default: return 2;
        }
    }
    if (optind < argc)
        return usage_error("unexpected argument: ", argv[optind]);
    if (client == server)
        return usage_error("one of --client and --server is needed", "");
    if (target != NULL && !client)
        return usage_error("--target is only allowed with --client", "");

    struct sigaction action = {.sa_handler = on_interrupt};
    if (pipe(interrupt_pipe) != 0 || sigaction(SIGINT, &action, NULL) != 0) {
        perror("tester");
        return 1;
    }
    return server ? run_server(limit_ms) : run_client(target != NULL ? target : "localhost", test,
                                                      seconds * MILLISECONDS_PER_SECOND);
}
