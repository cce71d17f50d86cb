//! What the chart repeats of the code is as the code says.

use std::path::Path;

use kliv_secrets::api::cel_not_reserved;
use serde_json::Value;

/// With `KLIV_GEN` set it writes the file first, as `make gen` does.
#[test]
fn the_confinement_policy_knows_the_reserved_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("charts/kliv-secrets/files/not-reserved.cel");
    let wanted = format!("{}\n", cel_not_reserved("e.name"));
    if std::env::var_os("KLIV_GEN").is_some() {
        std::fs::write(&file, &wanted).expect("writes");
    }
    let stored = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(stored == wanted, "{} is not as the code says: run `make gen`", file.display());
}

/// A value that the schema does not know could not be set; one that `values.yaml` does not
/// hold would be known to nobody.
#[test]
fn the_values_and_their_schema_name_the_same() {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/kliv-secrets");
    let read = |file: &str| std::fs::read_to_string(chart.join(file)).expect("a file");
    let values: Value = serde_saphyr::from_str(&read("values.yaml")).expect("YAML");
    let mut schema: Value = serde_json::from_str(&read("values.schema.json")).expect("JSON");
    // Helm's own.
    schema["properties"].as_object_mut().expect("values").remove("global");
    let mut definitions = schema["definitions"].take();
    // Kubernetes' own.
    definitions["resources"].as_object_mut().expect("a schema").remove("properties");
    in_place(&mut schema, &definitions);
    let (mut in_values, mut in_schema) = (Vec::new(), Vec::new());
    names_in_values(&values, &schema, "", &mut in_values);
    names_in_schema(&schema, "", &mut in_schema);
    in_values.sort();
    in_schema.sort();
    assert_eq!(in_values, in_schema);
    assert!(in_values.len() > 50, "{in_values:?}");
}

/// What a reference means stands where the reference stood.
fn in_place(schema: &mut Value, definitions: &Value) {
    let name = schema["$ref"].as_str().and_then(|at| at.strip_prefix("#/definitions/"));
    if let Some(definition) = name.map(|name| definitions[name].clone()) {
        *schema = definition;
    }
    for schema in schema["properties"].as_object_mut().into_iter().flat_map(|all| all.values_mut())
    {
        in_place(schema, definitions);
    }
}

/// The paths of all values, down to where the schema leaves the names open.
fn names_in_values(values: &Value, schema: &Value, path: &str, names: &mut Vec<String>) {
    for (name, value) in values.as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let schema = &schema["properties"][name];
        if schema["properties"].is_object() {
            names_in_values(value, schema, &path, names);
        }
        names.push(path);
    }
}

fn names_in_schema(schema: &Value, path: &str, names: &mut Vec<String>) {
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        names_in_schema(schema, &path, names);
        names.push(path);
    }
}

/// The alerts link there.
#[test]
fn the_manual_has_a_part_for_every_alert() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| std::fs::read_to_string(root.join(file)).expect("a file");
    let manual = read("docs/operations.md");
    let rules: Value =
        serde_saphyr::from_str(&read("charts/kliv-secrets/files/alerts.yaml")).expect("YAML");
    let alerts = rules["groups"][0]["rules"].as_array().expect("rules");
    let names: Vec<&str> = alerts.iter().filter_map(|rule| rule["alert"].as_str()).collect();
    let parts: Vec<&str> = manual
        .lines()
        .filter_map(|line| line.strip_prefix("### Kliv").map(|_| &line[4..]))
        .collect();
    assert_eq!(parts, names, "docs/operations.md");
}
