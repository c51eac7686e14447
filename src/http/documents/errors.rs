//! `/docs/errors`: what each problem code means, as a page. A problem's `type` points here.

use crate::protocol::problem::Code;
use std::fmt::Write as _;

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<title>Problems · Beeline</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/vendor/vendor.css">
<link rel="stylesheet" href="/static/css/base.css">
<link rel="stylesheet" href="/static/css/docs.css">
<script type="module" src="/static/js/theme.js"></script>
</head>
<body class="docs">
<main class="problems">
<h1>Problems</h1>
<p class="muted">Every refusal over HTTP is a problem (RFC 9457) with one of these codes; the sockets use the same in <code>error</code>, <code>rejected</code> and <code>flagged</code> frames. Programs branch on the code, which keeps its meaning; the detail is for people. A single fix refused over HTTP is 422 whatever its code.</p>
<table class="card">
<thead><tr><th scope="col">Code</th><th scope="col">Status</th><th scope="col">Title</th><th scope="col">Usual detail</th></tr></thead>
<tbody>
"#;
const TAIL: &str = r#"</tbody>
</table>
<p class="links muted small"><a href="/docs">Calls</a> · <a href="/asyncapi.yaml">Sockets</a> · <a href="/">Start</a></p>
</main>
</body>
</html>
"#;

/// The page. Codes, titles and details are our own texts, and none holds a character that HTML would read: a test says so.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for code in Code::ALL {
        let (status, title, detail) = (code.status(), code.title(), code.usual_detail());
        // Writing into a String cannot fail.
        let _ = writeln!(
            page,
            r##"<tr id="{code}"><th scope="row"><a href="#{code}"><code>{code}</code></a></th><td>{status}</td><td>{title}</td><td>{detail}</td></tr>"##
        );
    }
    page.push_str(TAIL);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_row_that_its_type_points_at() {
        let page = page();
        for code in Code::ALL {
            assert_eq!(page.matches(&format!("<tr id=\"{code}\">")).count(), 1, "{code}");
            let texts = format!("{}{}", code.title(), code.usual_detail());
            assert!(!texts.contains(['<', '>', '&', '"']), "{code} would need escaping: {texts}");
        }
    }
}
