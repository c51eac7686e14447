//! One call of the HTTP interface as the documents tell it.

use crate::http::access::Class;
use crate::http::access::Rule;
use crate::protocol::identity::Role;
use crate::protocol::problem::Code;
use schemars::JsonSchema;
use schemars::Schema;
use schemars::SchemaGenerator;

/// Makes the schema of a type: a reference, with the type itself among the generator's definitions.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// Refusals that any call with a token may meet.
const WITH_TOKEN: &[Code] = &[Code::Malformed, Code::Unauthorized, Code::TokenExpired, Code::Forbidden];
/// Refusals that any call may meet.
const ANYWHERE: &[Code] = &[Code::RequestTimeout, Code::Internal, Code::Busy, Code::Unavailable];
/// Refusals of a body that is not what it should be.
const WITH_BODY: &[Code] = &[Code::Malformed, Code::UnsupportedMediaType, Code::TooLarge, Code::Invalid];

/// A call. Everything the document says of it but the schemas themselves.
pub struct Call {
    /// In lower case, as OpenAPI has it.
    pub method: &'static str,
    /// With `{name}` parameters.
    pub path: String,
    /// The `operationId`.
    pub id: String,
    /// The group it is shown in.
    pub tag: &'static str,
    /// One line.
    pub summary: &'static str,
    /// More, where the line is not enough.
    pub about: &'static str,
    /// Whether it is taken from its caller's budget.
    pub limited: bool,
    /// Who may; empty for everybody, even without a token.
    pub roles: Vec<Role>,
    /// The schema, in place, of the type whose fields are the query's parameters.
    pub query: Option<SchemaOf>,
    /// The body.
    pub body: Option<Body>,
    /// Request headers: name and meaning.
    pub headers: &'static [(&'static str, &'static str)],
    /// Good answers.
    pub answers: Vec<Answer>,
    /// Refusals by code; each is answered with the status of its code unless `at_422` names it.
    pub refusals: Vec<Code>,
    /// Codes that this call answers with 422 whatever their own status.
    pub at_422: &'static [Code],
}

/// The body of a request.
pub struct Body {
    /// Its schema.
    pub schema: SchemaOf,
    /// Whether the call cannot do without.
    pub required: bool,
}

/// A good answer.
pub struct Answer {
    /// 1xx or 2xx.
    pub status: u16,
    /// What it means.
    pub about: &'static str,
    /// Each media type with its schema, where it is JSON.
    pub content: Vec<(&'static str, Option<SchemaOf>)>,
    /// Response headers of its own: name and meaning.
    pub headers: &'static [(&'static str, &'static str)],
}

/// A GET.
pub fn get(path: &'static str, id: &'static str, summary: &'static str) -> Call {
    Call::new("get", path, id, summary)
}

/// A POST.
pub fn post(path: &'static str, id: &'static str, summary: &'static str) -> Call {
    Call::new("post", path, id, summary)
}

/// The schema of a type.
pub fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// A PUT.
pub fn put(path: &'static str, id: &'static str, summary: &'static str) -> Call {
    Call::new("put", path, id, summary)
}

/// A DELETE.
pub fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Call {
    Call::new("delete", path, id, summary)
}

impl Call {
    /// A call that says nothing of answers yet.
    pub fn new(method: &'static str, path: impl Into<String>, id: impl Into<String>, summary: &'static str) -> Self {
        Self {
            method,
            path: path.into(),
            id: id.into(),
            tag: "",
            summary,
            about: "",
            limited: false,
            roles: Vec::new(),
            query: None,
            body: None,
            headers: &[],
            answers: Vec::new(),
            refusals: ANYWHERE.to_vec(),
            at_422: &[],
        }
    }

    /// The group it is shown in.
    pub fn tag(mut self, tag: &'static str) -> Self {
        self.tag = tag;
        self
    }

    /// More than the summary.
    pub fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// Who may, by this row of the table of rules; a token is needed where it names anybody.
    pub fn under(mut self, rule: &Rule) -> Self {
        for role in rule.roles() {
            if !self.roles.contains(&role) {
                self.roles.push(role);
            }
        }
        self.limited |= rule.class != Class::Free;
        let limited = self.limited;
        let call = if self.roles.is_empty() { self } else { self.refuses(WITH_TOKEN) };
        if limited { call.refuses(&[Code::TooMany]) } else { call }
    }

    /// Query parameters: the fields of `T`.
    pub fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(T::json_schema);
        self.refuses(&[Code::Malformed, Code::Invalid])
    }

    /// A JSON body.
    pub fn body(mut self, schema: SchemaOf) -> Self {
        self.body = Some(Body { schema, required: true });
        self.refuses(WITH_BODY)
    }

    /// A JSON body that may be left out.
    pub fn optional_body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(Body { schema: schema_of::<T>, required: false });
        self
    }

    /// Request headers.
    pub fn headers(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        self.headers = headers;
        self
    }

    /// Answers with JSON.
    pub fn answers<T: JsonSchema>(self, status: u16, about: &'static str) -> Self {
        self.answers_as(status, about, vec![("application/json", Some(schema_of::<T>))])
    }

    /// Answers with any media types.
    pub fn answers_as(
        mut self,
        status: u16,
        about: &'static str,
        content: Vec<(&'static str, Option<SchemaOf>)>,
    ) -> Self {
        self.answers.push(Answer { status, about, content, headers: &[] });
        self
    }

    /// Headers of the answer named last.
    pub fn answer_headers(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        if let Some(last) = self.answers.last_mut() {
            last.headers = headers;
        }
        self
    }

    /// Refusals of its own.
    pub fn refuses(mut self, codes: &[Code]) -> Self {
        self.refusals.extend(codes);
        self
    }

    /// Codes answered with 422 here.
    pub fn refuses_at_422(mut self, codes: &'static [Code]) -> Self {
        self.at_422 = codes;
        self.refuses(codes)
    }

    /// The names in braces of its path, in order.
    pub fn path_parameters(&self) -> impl Iterator<Item = &str> {
        self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
    }
}
