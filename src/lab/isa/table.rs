//! The report as text and as Markdown.

use super::{CompiledVariant, Instructions, IsaReport};
use crate::lab::grid::Grid;

impl IsaReport {
    /// A table for the terminal, and what was refused.
    pub fn text(&self) -> String {
        self.head() + &self.grid().text() + &self.tail()
    }

    /// A table of Markdown, and what was refused.
    pub fn markdown(&self) -> String {
        self.head() + "\n" + &self.grid().markdown() + &self.tail()
    }

    fn head(&self) -> String {
        let driver = format!("{} {}", self.adapter.driver, self.adapter.driver_info);
        format!("{} · {}\n", self.adapter.name, driver.trim())
    }

    fn grid(&self) -> Grid {
        let rows: Vec<&CompiledVariant> = self.variants.iter().collect();
        let mut grid = Grid::default();
        grid.left("kernel", &rows, |row| row.kernel.to_owned());
        grid.left("variant", &rows, |row| {
            let default = if row.preferred { " *" } else { "" };
            format!("{}{default}", row.variant)
        });
        let mut number = |heading, of: fn(&CompiledVariant) -> Option<u64>| {
            grid.right(heading, &rows, |row| of(row).map_or_else(|| "-".to_owned(), |n| n.to_string()));
        };
        number("lanes", |row| Some(row.subgroup_size.into()).filter(|&lanes| lanes > 0));
        number("registers", |row| row.registers);
        number("spills", |row| row.spills);
        number("waves", |row| row.occupancy);
        number("workgroup B", |row| row.workgroup_memory);
        number("code B", |row| row.code_bytes);
        number("loads", |row| count(row, |i| i.loads));
        number("in flight", |row| count(row, |i| i.loads_in_flight));
        number("wg loads", |row| count(row, |i| i.workgroup_loads));
        number("fma", |row| count(row, |i| i.multiply_adds));
        number("matrix", |row| count(row, |i| i.matrix_products));
        number("waits", |row| count(row, |i| i.waits));
        number("barriers", |row| count(row, |i| i.barriers));
        grid
    }

    fn tail(&self) -> String {
        let refused =
            self.refused.iter().map(|r| format!("refused: {} [{}]: {}\n", r.case, r.variant, r.reason));
        refused.collect()
    }
}

fn count(row: &CompiledVariant, of: fn(&Instructions) -> usize) -> Option<u64> {
    row.instructions.as_ref().map(|instructions| of(instructions) as u64)
}
