//! The vectors as they are printed.

use super::{Message, as_json, as_text, messages};

#[test]
fn the_table_reads_well() {
    insta::assert_snapshot!(as_text(&messages().unwrap()));
}

#[test]
fn the_json_holds_what_the_table_does() {
    let messages = messages().unwrap();
    let json: serde_json::Value = serde_json::from_str(&as_json(&messages).unwrap()).unwrap();
    assert_eq!(json["schema"], 1);
    for (message, parsed) in messages.iter().zip(json["messages"].as_array().unwrap()) {
        assert_eq!(parsed["message"], message.message);
        assert_eq!(parsed["size_bytes"], message.size_bytes);
        for (list, vectors) in [("valid", &message.valid), ("invalid", &message.invalid)] {
            let parsed = parsed[list].as_array().unwrap();
            assert_eq!(parsed.len(), vectors.len());
            for (parsed, vector) in parsed.iter().zip(vectors) {
                assert_eq!(parsed["name"], vector.name.as_str());
                assert_eq!(parsed["hex"], vector.hex.as_str());
                assert_eq!(parsed.get("fields").is_some(), list == "valid");
                assert_eq!(parsed.get("fault").is_some(), list == "invalid");
            }
        }
    }
    insta::assert_json_snapshot!([&json["messages"][3]["valid"][3], &json["messages"][1]["invalid"][9]]);
}

#[test]
fn every_vector_is_well_formed() {
    let messages = messages().unwrap();
    assert_eq!(messages.len(), 4);
    for Message { message, size_bytes, valid, invalid, .. } in &messages {
        assert!(!valid.is_empty() && !invalid.is_empty(), "{message}");
        let mut names: Vec<_> = valid.iter().chain(invalid).map(|vector| &vector.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{message}: two vectors have one name");
        for vector in valid.iter().chain(invalid) {
            let bytes = hex::decode(vector.hex.replace(' ', "")).unwrap();
            assert_eq!(bytes.len(), vector.length(), "{message} {}: pairs between spaces", vector.name);
        }
        assert!(valid.iter().all(|vector| vector.length() == *size_bytes), "{message}");
    }
}
