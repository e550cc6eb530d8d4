//! What to do about what was found.

use super::findings::Findings;

/// Sentences, the most important first; one at least.
pub fn of(found: &Findings) -> Vec<String> {
    let mut advice = Vec::new();
    if let Some(error) = &found.loader.loader_error {
        advice
            .push(format!("Install the Vulkan loader ({error}): {}", install("libvulkan1", "vulkan-loader")));
    }
    let by_variable = found.loader.variables.iter().find(|(name, _)| name.starts_with("VK_"));
    for problem in found.loader.problems().iter().filter(|_| found.loader.loader_error.is_none()) {
        advice.push(match by_variable {
            Some((name, value)) => format!("Mend or unset {name} (it is {value}): {problem}"),
            None => format!("Mend or reinstall this driver: {problem}"),
        });
    }
    if found.loader.loader_error.is_none() && found.loader.drivers.is_empty() && cfg!(target_os = "linux") {
        advice.push(format!(
            "Install a Vulkan driver, none is known to the loader: {}; for NVIDIA the driver's own package",
            install("mesa-vulkan-drivers", "mesa-vulkan-drivers")
        ));
    }
    if found.devices.is_none() {
        let reason = found.steps.last().map(|step| step.reason()).unwrap_or_default();
        advice.push(format!("No device can be used: {reason}"));
        return advice;
    }
    if found.is_software() {
        advice.push(
            "There is only a software device: results are right, and slow. If this machine has a GPU, install its driver, \
             and see that this user may open /dev/dri/renderD128 (group render or video)"
                .to_owned(),
        );
    }
    if found.check.is_none() && found.wrong.is_empty() {
        advice.push("The quick check did not come to its end, though each of its cases does alone: report it, with --out".to_owned());
    }
    let mut switches: Vec<&str> = found.wrong.iter().filter_map(|wrong| wrong.mended_by.as_deref()).collect();
    switches.sort_unstable();
    switches.dedup();
    for switch in switches {
        advice.push(format!(
            "Work with {switch} until the driver is mended: kernels that are wrong are right with it"
        ));
    }
    if !found.wrong.is_empty() {
        advice.push(
            "The driver computes wrong: update it, or report it with what --out FILE.zip writes".to_owned(),
        );
    }
    if advice.is_empty() || (found.is_software() && found.is_healthy()) {
        advice.push("Nothing is wrong.".to_owned());
    }
    advice
}

/// How a package is installed on this system.
fn install(debian: &str, others: &str) -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let is = |name: &str| {
        release
            .lines()
            .any(|line| (line.starts_with("ID=") || line.starts_with("ID_LIKE=")) && line.contains(name))
    };
    match () {
        () if is("debian") || is("ubuntu") => format!("apt-get install {debian}"),
        () if is("fedora") || is("rhel") => format!("dnf install {others}"),
        () if is("arch") => "pacman -S vulkan-icd-loader, and the driver's package".to_owned(),
        () if is("suse") => format!("zypper install {others}"),
        () => format!("the package {others} of your system"),
    }
}
