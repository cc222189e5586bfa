//! What fits and what is told of a misfit.

use serde::Deserialize;

use super::*;

#[derive(Deserialize, Debug, PartialEq)]
struct Share {
    provider_id: i32,
    percentage: String,
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Scope {
    Direct,
    Team,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Request {
    name: String,
    #[serde(default)]
    shares: Vec<Share>,
    scope: Option<Scope>,
    flag: Option<bool>,
    #[serde(default)]
    ids: Vec<i64>,
}

fn from_json(json: &str) -> Result<Request, Fault> {
    read(
        Node::from_json(json.as_bytes()).unwrap(),
        &RequestLog::default(),
    )
}

fn from_form(form: &str) -> Result<Request, Fault> {
    read(
        Node::from_form_body(form.as_bytes())?,
        &RequestLog::default(),
    )
}

fn from_query(query: &str) -> Result<Request, Fault> {
    read(Node::from_form(query.as_bytes())?, &RequestLog::default())
}

fn told(result: Result<Request, Fault>) -> (String, String) {
    let mut problem = result.unwrap_err().into_problem("body");
    let error = problem.errors.remove(0);
    (error.field, error.message)
}

#[test]
fn json_is_read_with_its_types() {
    let request = from_json(
        r#"{"name":"n","shares":[{"provider_id":1,"percentage":"2"}],"scope":"team",
            "flag":true,"ids":[1,2],"agent_id":7}"#,
    )
    .unwrap();
    assert_eq!(request.shares[0].provider_id, 1);
    assert_eq!(request.scope, Some(Scope::Team));
    assert_eq!((request.flag, request.ids), (Some(true), vec![1, 2]));
    assert_eq!(from_json(r#"{"name":"n","flag":null}"#).unwrap().flag, None);
}

#[test]
fn an_integer_may_be_written_with_an_empty_fraction() {
    let read = |ids: &str| from_json(&format!(r#"{{"name":"n","ids":{ids}}}"#));
    assert_eq!(read("[7.0, -2e3, 0.0]").unwrap().ids, [7, -2000, 0]);
    assert_eq!(
        read("[4105332516296934.0]").unwrap().ids,
        [4_105_332_516_296_934]
    );
    assert_eq!(told(read("[0.5]")).1, "must be an integer");
}

#[test]
fn an_integer_is_one_that_every_client_holds_exactly() {
    let read = |id: &str| from_json(&format!(r#"{{"name":"n","ids":[{id}]}}"#));
    for most in [
        "9007199254740991",
        "-9007199254740991",
        "9007199254740991.0",
    ] {
        assert_eq!(read(most).unwrap().ids[0].abs(), MAX_INTEGER, "{most}");
    }
    for beyond in [
        "9007199254740992",
        "-9007199254740992",
        "9007199254740993.0",
        "1e300",
        "-9223372036854775808",
        "18446744073709551615",
    ] {
        assert_eq!(told(read(beyond)).1, "is out of range", "{beyond}");
    }
}

#[test]
fn a_form_is_read_by_the_same_type() {
    let request = from_form("name=a+b%26c&scope=direct&flag=false&ids=1&ids=-2").unwrap();
    assert_eq!(request.name, "a b&c");
    assert_eq!(request.scope, Some(Scope::Direct));
    assert_eq!((request.flag, request.ids), (Some(false), vec![1, -2]));
    assert_eq!(from_form("name=x&ids=5").unwrap().ids, [5]);
}

#[test]
fn an_optional_field_of_a_form_may_be_left_empty() {
    let request = from_form("name=&scope=&flag=").unwrap();
    assert_eq!(request.name, "");
    assert_eq!((request.scope, request.flag), (None, None));
    // A space is a value, and two values are none of two.
    for form in ["name=n&flag=+", "name=n&flag=&flag=", "name=n&ids="] {
        assert!(from_form(form).is_err(), "{form}");
    }
    assert_eq!(told(from_query("name=n&flag=")).0, "flag");
    assert_eq!(told(from_query("name=n&scope=")).0, "scope");
    assert_eq!(told(from_json(r#"{"name":"n","scope":""}"#)).0, "scope");
}

#[test]
fn a_misfit_names_the_field_and_not_the_value() {
    for (json, field, message) in [
        (r#"{"shares":[]}"#, "name", "is required"),
        (r#"{"name":1}"#, "name", "must be a string"),
        (r#"{"name":null}"#, "name", "must be a string"),
        (
            r#"{"name":"a","name":"b"}"#,
            "name",
            "is given more than once",
        ),
        (
            r#"{"name":"n","flag":"true"}"#,
            "flag",
            "must be true or false",
        ),
        (
            r#"{"name":"n","scope":"all"}"#,
            "scope",
            "must be one of direct, team",
        ),
        (r#"{"name":"n","scope":3}"#, "scope", "must be a string"),
        (r#"{"name":"n","ids":"7"}"#, "ids", "must be a list"),
        (
            r#"{"name":"n","ids":[1,"x"]}"#,
            "ids[1]",
            "must be an integer",
        ),
        (
            r#"{"name":"n","ids":[1.5]}"#,
            "ids[0]",
            "must be an integer",
        ),
        (
            r#"{"name":"n","ids":[18446744073709551615]}"#,
            "ids[0]",
            "is out of range",
        ),
        (
            r#"{"name":"n","shares":[{"provider_id":1}]}"#,
            "shares[0].percentage",
            "is required",
        ),
        (
            r#"{"name":"n","shares":[[1,"2"]]}"#,
            "shares[0]",
            "must be an object",
        ),
        (r#"["n",[],null,null,[]]"#, "body", "must be an object"),
        (r#""n""#, "body", "must be an object"),
        ("null", "body", "must be an object"),
    ] {
        let told = told(from_json(json));
        assert_eq!(
            (told.0.as_str(), told.1.as_str()),
            (field, message),
            "{json}"
        );
    }
}

#[test]
fn texts_of_forms_are_read_strictly() {
    for (form, field, message) in [
        ("", "name", "is required"),
        ("name=a&name=b", "name", "is given more than once"),
        ("name=a&ids=%2B5", "ids[0]", "must be an integer"),
        ("name=a&ids=+5", "ids[0]", "must be an integer"),
        ("name=a&ids=", "ids[0]", "must be an integer"),
        ("name=a&ids=1e3", "ids[0]", "must be an integer"),
        ("name=a&ids=%D9%A1", "ids[0]", "must be an integer"),
        (
            "name=a&ids=99999999999999999999",
            "ids[0]",
            "is out of range",
        ),
        ("name=a&flag=1", "flag", "must be true or false"),
        ("name=%00", "name", "must not contain the character U+0000"),
    ] {
        let told = told(from_form(form));
        assert_eq!(
            (told.0.as_str(), told.1.as_str()),
            (field, message),
            "{form}"
        );
    }
}
