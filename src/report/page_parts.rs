//! The parts of a page that say what was run: device, model, settings, what failed.

use std::collections::BTreeMap;

use super::markup::{escape, plural, push};
use super::results::{Adapter, FailedImage, Model, Program};

/// A list of terms and texts; the texts are markup.
pub(super) fn terms(entries: impl IntoIterator<Item = (&'static str, String)>) -> String {
    entries.into_iter().map(|(term, text)| format!("<div><dt>{term}</dt><dd>{text}</dd></div>")).collect()
}

/// The adapter, and whether it is a GPU at all.
pub(super) fn computed_on(adapter: &Adapter) -> String {
    let software =
        if adapter.software { r#" <span class="tag">software on the CPU, not a GPU</span>"# } else { "" };
    let kind = escape(&format!("{}, {}, {}", adapter.kind, adapter.backend, adapter.driver));
    format!("{}{software}<br><span class=\"muted\">{kind}</span>", escape(&adapter.name))
}

/// The model, and whether it is for demonstration only.
pub(super) fn model_name(model: &Model) -> String {
    let demo = if model.demonstration { r#" <span class="tag">demonstration</span>"# } else { "" };
    format!("{}{demo}", escape(&model.name))
}

/// A plain word about what the demonstration model is not.
pub(super) fn notice(model: &Model) -> String {
    if !model.demonstration {
        return String::new();
    }
    format!(
        "<div class=\"notice\" role=\"note\"><p><strong>Demonstration model.</strong> These results come from the \
         embedded model <code>{}</code>, which was trained on procedurally generated pictures only. It shows how the \
         program works; do not judge real parts by it.</p><p>For real inspection use a full CLIP model: get one with \
         <code>dapo-wgpu fetch</code> and run again with <code>--model DIR</code>.</p></div>",
        escape(&model.name)
    )
}

/// The images that failed, if any.
pub(super) fn errors<'a>(images: impl Iterator<Item = &'a FailedImage>) -> String {
    let mut list = String::new();
    let mut failed = 0;
    for image in images {
        failed += 1;
        let (path, error) = (escape(&image.path), escape(&image.error));
        push(&mut list, format_args!("<li><h3>{path}</h3><p>{error}</p>"));
        if !image.hint.is_empty() {
            push(&mut list, format_args!("<p class=\"muted\">What to do: {}</p>", escape(&image.hint)));
        }
        list += "</li>";
    }
    if failed == 0 {
        return String::new();
    }
    let title = format!("{} could not be processed", plural(failed, "image"));
    format!(
        "<section aria-labelledby=\"errors-title\"><h2 id=\"errors-title\">{title}</h2><ul class=\"errors\">{list}</ul></section>"
    )
}

/// Command line, versions and settings. There is no model where another program made the maps.
pub(super) fn reproduce(
    command: &str,
    program: &Program,
    model: Option<&Model>,
    settings: &BTreeMap<String, serde_json::Value>,
) -> String {
    let mut text = String::new();
    if !command.is_empty() {
        push(&mut text, format_args!("<pre>{}</pre>", escape(command)));
    }
    push(&mut text, format_args!("<p>{} {}", escape(&program.name), escape(&program.version)));
    if let Some(model) = model {
        let path = if model.path.is_empty() { "embedded in the program" } else { &model.path };
        push(&mut text, format_args!(", model <code>{}</code> ({})", escape(&model.name), escape(path)));
    }
    if let Some(hash) = model.and_then(|model| model.weights_sha256.as_ref()) {
        push(&mut text, format_args!(", SHA-256 of the weights <code>{}</code>", escape(hash)));
    }
    text += ".</p>";
    if !settings.is_empty() {
        let line = |(name, value): (&String, &serde_json::Value)| format!("{name} = {value}\n");
        let settings: String = settings.iter().map(line).collect();
        let settings: Vec<String> = settings.lines().map(escape).collect();
        push(
            &mut text,
            format_args!("<details><summary>Settings</summary><pre>{}</pre></details>", settings.join("\n")),
        );
    }
    text
}
