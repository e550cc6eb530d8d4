//! What `--help` and the manual pages say below the options of a command: examples, and exit codes.

use clap::Command;

/// What a command is used for, and the words after `dapo-wgpu`.
type Example = (&'static str, &'static str);

/// A command by its name (`data inspect` for one below another), examples of it, and its own exit codes.
type Entry = (&'static str, &'static [Example], &'static [(u8, &'static str)]);

const INTERRUPTED: (u8, &str) = (130, "interrupted; the same command goes on");
const STOPPED: (u8, &str) = (130, "interrupted; what was done is kept");
const SOME_FAILED: (u8, &str) = (3, "some images failed, the others were done");
const NO_GPU: (u8, &str) = (5, "--require-gpu, and there is only a software device");

const ENTRIES: &[Entry] = &[
    (
        "detect",
        &[
            (
                "Photos of a folder",
                r#"detect photos/ --object "metal nut" --defects "scratch,bent,hole" --out out/"#,
            ),
            (
                "Compared with photos of good parts, by a larger model",
                "detect photos/ --good good/ --model models/vit-l-14-336 --image-size 518 --out out/",
            ),
            (
                "In a script: only what is new, as CSV, with an exit code",
                "detect - --format csv --fail-on-defect --out out/ < list.txt",
            ),
        ],
        &[SOME_FAILED, (4, "--fail-on-defect, and an image is called defective"), NO_GPU, INTERRUPTED],
    ),
    (
        "calibrate",
        &[(
            "Two false alarms in a hundred good parts",
            "calibrate --good good/ --false-alarms 0.02 --out alarm.json",
        )],
        &[NO_GPU, (130, "interrupted; nothing is stored")],
    ),
    (
        "teach",
        &[
            (
                "A part that is inspected often",
                r#"teach --good good/ --object "metal nut" --defects "scratch,bent" --false-alarms 0.02 --out nut.safetensors"#,
            ),
            ("Its inspection needs nothing else", "detect photos/ --part nut.safetensors --out out/"),
        ],
        &[NO_GPU, (130, "interrupted; nothing is stored")],
    ),
    (
        "watch",
        &[
            ("Photos as they arrive", "watch inbox/ --part nut.safetensors --out results.jsonl"),
            (
                "With a command for each defective one",
                r#"watch inbox/ --out results.jsonl --on-defect 'mail -s "$DEFECT_TYPE" qa@example.com'"#,
            ),
        ],
        &[NO_GPU, (0, "--idle, or Ctrl-C; the same command goes on")],
    ),
    (
        "train",
        &[
            (
                "Prompts for a model, from labelled images of other parts",
                "train --data mvtec/ --model models/vit-l-14-336 --out run/",
            ),
            ("After Ctrl-C", "train --data mvtec/ --model models/vit-l-14-336 --out run/ --resume"),
        ],
        &[NO_GPU, (130, "interrupted; --resume goes on")],
    ),
    (
        "embed",
        &[(
            "Features of two images and a text",
            r#"embed --image a.png b.png --text "a photo of a nut" --out features.safetensors"#,
        )],
        &[NO_GPU],
    ),
    (
        "score",
        &[("Maps that another program wrote", "score --predictions maps/ --data mvtec/ --out runs/other")],
        &[SOME_FAILED],
    ),
    ("devices", &[("What is there, and what will be used", "devices")], &[NO_GPU]),
    (
        "doctor",
        &[("A bundle for a bug report", "doctor --out report.zip")],
        &[(1, "something is wrong; the first lines say what to do")],
    ),
    (
        "check",
        &[
            ("All kernels", "check --out report.json"),
            (
                "One case, with its shader where it is wrong",
                r#"check --case "softmax f32 rows=7 width=50 scale=1" --dump wrong/"#,
            ),
        ],
        &[(1, "a kernel is wrong"), NO_GPU, STOPPED],
    ),
    (
        "bench",
        &[
            (
                "Kernels against the peak speed of this device, measured",
                "bench --out new.json --plot roofline.svg",
            ),
            ("A whole model", "bench --arch vit-l-14-336 --batch 8"),
            ("Whether something became slower", "bench --compare old.json"),
        ],
        &[(1, "--compare, and something became slower"), NO_GPU, STOPPED],
    ),
    (
        "isa",
        &[("For an AMD GPU that need not be here", "isa --target navi31 --case matmul --dump shaders/")],
        &[(1, "--fail-on-spill, and a variant spills"), NO_GPU],
    ),
    (
        "tune",
        &[
            ("The kernels of a model", "tune --model models/vit-l-14-336"),
            ("What is known of this device", "tune --show"),
        ],
        &[NO_GPU, STOPPED],
    ),
    (
        "profile",
        &[("A run of detect, with a trace", "profile --trace trace.json detect photos/ --out out/")],
        &[(130, "interrupted")],
    ),
    (
        "eval",
        &[
            (
                "A learner on a data set",
                "eval --data mvtec/ --model models/vit-l-14-336 --learner run/learner.safetensors --out runs/mvtec",
            ),
            ("How much good photos help", "eval --data mvtec/ --shots 0,1,2,4,8 --seeds 5 --out runs/shots"),
        ],
        &[SOME_FAILED, NO_GPU, INTERRUPTED],
    ),
    (
        "merge",
        &[("Three parts of one evaluation", "merge runs/1 runs/2 runs/3 --out runs/all")],
        &[SOME_FAILED],
    ),
    ("data inspect", &[("Before an evaluation", "data inspect mvtec/")], &[]),
    ("table", &[("Rows as papers print them", "table runs/mvtec runs/visa --format latex")], &[]),
    (
        "synth",
        &[("A small data set to try things with", "synth --out data --objects metal_nut,wood --seed 1")],
        &[],
    ),
    (
        "fetch",
        &[
            ("The model of the papers, 1.7 GB", "fetch vit-l-14-336"),
            (
                "Any CLIP of the hub, for --model hub:OWNER/NAME",
                "fetch laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
            ),
        ],
        &[(130, "interrupted; the same command goes on")],
    ),
    (
        "completions",
        &[("For bash", "completions bash > ~/.local/share/bash-completion/completions/dapo-wgpu")],
        &[],
    ),
    ("man", &[("For this user", "man --out ~/.local/share/man/man1")], &[]),
    ("web", &[("At http://127.0.0.1:8100/", "web")], &[]),
    ("import", &[("OpenAI's own file", "import ViT-L-14-336px.pt --out models/vit-l-14-336")], &[]),
];

/// The program's options with examples and exit codes below those of each command.
pub fn explained(command: Command) -> Command {
    let entries = ENTRIES.iter();
    entries.fold(command, |command, (name, examples, codes)| {
        let text = text(examples, codes);
        let below = |of: Command| of.after_help(text.clone());
        match name.split_once(' ') {
            None if command.find_subcommand(name).is_some() => command.mut_subcommand(name, below),
            None => command,
            Some((outer, inner)) => command.mut_subcommand(outer, |of| of.mut_subcommand(inner, below)),
        }
    })
}

fn text(examples: &[Example], own: &[(u8, &str)]) -> String {
    let mut text = String::from(if examples.len() == 1 { "Example:\n" } else { "Examples:\n" });
    for (what, words) in examples {
        text += &format!("  # {what}\n  dapo-wgpu {words}\n");
    }
    let all = [(0, "all went well"), (1, "nothing could be done"), (2, "wrong command line")];
    let mut codes: Vec<(u8, &str)> =
        all.into_iter().filter(|(code, _)| own.iter().all(|(other, _)| other != code)).collect();
    codes.extend(own);
    codes.sort_unstable();
    text += "\nExit codes:\n";
    for (code, meaning) in codes {
        text += &format!("  {code:<3} {meaning}\n");
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command;

    /// The words of an example, as a shell takes them apart: quotes of both kinds, nothing after `<` or `>`.
    fn words(example: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quote = None;
        for c in example.chars() {
            match (quote, c) {
                (None, '\'' | '"') => quote = Some(c),
                (Some(q), _) if q == c => quote = None,
                (None, '<' | '>') => break,
                (None, ' ') => words.push(String::new()),
                _ => words.last_mut().expect("a word").push(c),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn each_command_has_examples_that_are_valid() {
        let mut tried = 0;
        let of_users = command();
        let names = of_users.get_subcommands().filter(|of| !of.is_hide_set()).map(|of| of.get_name());
        for name in names {
            let entry = ENTRIES.iter().find(|entry| entry.0.split(' ').next() == Some(name));
            assert!(entry.is_some_and(|(_, examples, _)| !examples.is_empty()), "{name} has no example");
        }
        for (name, examples, _) in ENTRIES {
            if of_users.find_subcommand(name.split(' ').next().unwrap_or(name)).is_none() {
                continue; // not a command of this platform
            }
            for (what, example) in *examples {
                let line = std::iter::once("dapo-wgpu".to_owned()).chain(words(example));
                let parsed = command().try_get_matches_from(line);
                assert!(parsed.is_ok(), "{what}: {example}: {}", parsed.unwrap_err());
                tried += 1;
            }
        }
        assert!(tried > 30, "only {tried}");
    }

    #[test]
    fn exit_codes_stand_once_and_in_order() {
        let text = text(&[("a", "web")], &[(3, "some"), (1, "wrong")]);
        let codes = text.split("Exit codes:\n").nth(1).expect("codes");
        assert_eq!(codes, "  0   all went well\n  1   wrong\n  2   wrong command line\n  3   some");
    }
}
