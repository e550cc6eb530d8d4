//! Counts the instructions of AMD's machine code, as LLVM's disassembler writes it for RADV.

use std::collections::HashMap;
use std::ops::Range;

use serde::Serialize;

/// Instructions by kind, as they stand in the code: a loop's body counts once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Instructions {
    /// All instructions.
    pub all: usize,
    /// Loads from buffers and textures.
    pub loads: usize,
    /// Stores to buffers.
    pub stores: usize,
    /// Reads of workgroup memory.
    pub workgroup_loads: usize,
    /// Writes to workgroup memory.
    pub workgroup_stores: usize,
    /// Fused multiply-adds; one instruction may hold two.
    pub multiply_adds: usize,
    /// Products of matrix units.
    pub matrix_products: usize,
    /// Waits for memory of any kind.
    pub waits: usize,
    /// Barriers of the workgroup.
    pub barriers: usize,
    /// The most loads from buffers that are under way at the same time inside a loop; anywhere, if no loop has one.
    pub loads_in_flight: usize,
}

/// One instruction: its name and its operands.
struct Line<'a> {
    name: &'a str,
    operands: &'a str,
}

impl Line<'_> {
    fn is_load(&self) -> bool {
        ["buffer_load", "global_load", "image_load"].iter().any(|p| self.name.starts_with(p))
    }

    fn is_wait(&self) -> bool {
        (self.name.starts_with("s_waitcnt") && !self.name.contains("depctr"))
            || self.name.starts_with("s_wait_")
    }

    /// For a wait: how many loads may still be under way after it; `None` where it does not wait for loads.
    fn loads_left(&self) -> Option<usize> {
        let number = |text: &str| {
            let text = text.trim().trim_end_matches(')');
            match text.strip_prefix("0x") {
                Some(hex) => usize::from_str_radix(hex, 16).ok(),
                None => text.parse().ok(),
            }
        };
        if self.name.starts_with("s_wait_loadcnt") {
            return number(self.operands).map(|n| if self.name.contains("dscnt") { n >> 8 } else { n });
        }
        let rest = self.operands.split("vmcnt(").nth(1).filter(|_| self.name == "s_waitcnt")?;
        number(rest.split(')').next()?)
    }
}

impl Instructions {
    /// Counts; `None` where the text is not AMD's machine code.
    pub fn count(assembly: &str) -> Option<Self> {
        let (mut lines, mut labels, mut backward) = (Vec::new(), HashMap::new(), Vec::<Range<usize>>::new());
        for text in assembly.lines() {
            let code = text.split(';').next().unwrap_or_default().trim();
            if let Some(label) = code.strip_suffix(':') {
                labels.insert(label, lines.len());
                continue;
            }
            let (name, operands) = code.split_once(char::is_whitespace).unwrap_or((code, ""));
            if name.is_empty() {
                continue;
            }
            if let Some(&start) = labels.get(operands.trim()).filter(|_| name.contains("branch")) {
                backward.push(start..lines.len());
            }
            lines.push(Line { name, operands });
        }
        if !lines.iter().any(|line| line.name == "s_endpgm") {
            return None;
        }
        let mut found = Self { all: lines.len(), ..Self::default() };
        for line in &lines {
            let starts = |prefixes: &[&str]| prefixes.iter().any(|p| line.name.starts_with(p));
            // `v_dual_fmac_f32 … :: v_dual_mul_f32 …` holds two.
            for name in
                std::iter::once(line.name).chain(line.operands.split("::").skip(1).map(str::trim_start))
            {
                let adds = ["v_fma", "v_pk_fma", "v_dual_fma"].iter().any(|p| name.starts_with(p));
                found.multiply_adds += usize::from(adds);
            }
            found.loads += usize::from(line.is_load());
            found.stores += usize::from(starts(&["buffer_store", "global_store", "image_store"]));
            found.workgroup_loads += usize::from(starts(&["ds_load", "ds_read"]));
            found.workgroup_stores += usize::from(starts(&["ds_store", "ds_write"]));
            found.matrix_products += usize::from(starts(&["v_wmma", "v_swmmac", "v_mfma"]));
            found.waits += usize::from(line.is_wait());
            found.barriers += usize::from(matches!(line.name, "s_barrier" | "s_barrier_signal"));
        }
        backward.retain(|body| lines[body.clone()].iter().any(Line::is_load));
        if backward.is_empty() {
            backward.push(0..lines.len());
        }
        found.loads_in_flight = backward.into_iter().map(|body| in_flight(&lines[body])).max().unwrap_or(0);
        Some(found)
    }
}

/// The most loads that are under way at the same time, read straight through.
fn in_flight(lines: &[Line<'_>]) -> usize {
    let (mut now, mut most) = (0, 0);
    for line in lines {
        now += usize::from(line.is_load());
        now = line.loads_left().map_or(now, |left| now.min(left));
        most = most.max(now);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_counted_by_kind() {
        let code = "BB0:\n\ts_load_b128 s[0:3], s[0:1], 0x34   ; f4080400\n\tbuffer_load_b32 v9, v0, s[0:3], 0 offen\n\
                    BB1:\n\tbuffer_load_b128 v[0:3], v8, s[0:3], 0 offen ; e05c\n\
                    \tbuffer_load_b128 v[4:7], v8, s[0:3], 0 offen\n\ts_waitcnt vmcnt(1)\n\
                    \tds_store_b128 v9, v[0:3]\n\ts_waitcnt vmcnt(0) lgkmcnt(0)\n\ts_waitcnt_depctr 0xfff\n\
                    \ts_barrier\n\tv_dual_fmac_f32 v1, v2, v3 :: v_dual_fmac_f32 v4, v5, v6\n\tv_fmac_f32_e32 v1, v2, v3\n\
                    \tds_load_b128 v[0:3], v9\n\ts_cbranch_scc1 BB1\n\tbuffer_store_b32 v1, v8, s[0:3], 0\n\ts_endpgm\n";
        let expected = Instructions {
            all: 15,
            loads: 3,
            stores: 1,
            workgroup_loads: 1,
            workgroup_stores: 1,
            multiply_adds: 3,
            matrix_products: 0,
            waits: 2,
            barriers: 1,
            loads_in_flight: 2,
        };
        assert_eq!(Instructions::count(code), Some(expected));
    }

    #[test]
    fn waits_of_the_twelfth_generation_are_read() {
        let code = "\tbuffer_load_b128 v[0:3], v8, s[0:3], null\n\ts_wait_loadcnt 0x0\n\
                    \tbuffer_load_b128 v[0:3], v8, s[0:3], null\n\tv_wmma_f32_16x16x16_f16 v[0:7], v[0:3], v[4:7], v[0:7]\n\
                    \ts_wait_loadcnt_dscnt 0x0\n\ts_barrier_signal -1\n\ts_barrier_wait 0xffff\n\ts_endpgm\n";
        let found = Instructions::count(code).unwrap();
        assert_eq!((found.loads_in_flight, found.waits, found.barriers, found.matrix_products), (1, 2, 1, 1));
    }

    #[test]
    fn a_loop_without_loads_hides_none() {
        let code = "\tbuffer_load_b128 v[0:3], v8, s[0:3], null\n\tbuffer_load_b128 v[4:7], v8, s[0:3], null\n\
                    \ts_wait_loadcnt 0x0\nBB1:\n\tds_load_b32 v1, v2\n\ts_cbranch_scc1 BB1\n\ts_endpgm\n";
        assert_eq!(Instructions::count(code).unwrap().loads_in_flight, 2);
    }

    #[test]
    fn other_machine_code_is_not_counted() {
        assert_eq!(Instructions::count("add(16) g2<1>D g4<1>D 1D"), None);
    }
}
