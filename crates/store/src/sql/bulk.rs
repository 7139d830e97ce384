//! Rows to insert.

use super::Param;

/// Rows to insert at once, cell after cell.
#[derive(Clone, Debug)]
pub(crate) struct Bulk {
    pub(crate) table: &'static str,
    pub(crate) columns: &'static [&'static str],
    pub(crate) cells: Vec<Param>,
}

impl Bulk {
    pub(crate) fn new(table: &'static str, columns: &'static [&'static str]) -> Bulk {
        Bulk { table, columns, cells: Vec::new() }
    }

    pub(crate) fn push<const N: usize>(&mut self, row: [Param; N]) {
        assert_eq!(N, self.columns.len(), "a row of {} has one cell a column", self.table);
        self.cells.extend(row);
    }

    pub(crate) fn rows(&self) -> usize {
        self.cells.len() / self.columns.len()
    }
}

/// Rows to insert whose cells are made as they are written: all at once, they would take several times the rows' memory.
#[derive(Debug)]
pub(crate) struct Lot<T> {
    pub(crate) table: &'static str,
    pub(crate) columns: &'static [&'static str],
    pub(crate) rows: Vec<T>,
    /// Adds the cells of one row.
    pub(crate) push: fn(&mut Bulk, T),
}

impl<T> Lot<T> {
    /// Takes out as many times `at_once` rows as there are; `None` where there are fewer.
    pub(crate) fn take_whole(&mut self, at_once: usize) -> Option<Lot<T>> {
        let whole = self.rows.len() / at_once * at_once;
        let rest = self.rows.split_off(whole);
        let rows = std::mem::replace(&mut self.rows, rest);
        Some(Lot { rows, ..*self }).filter(|lot| !lot.rows.is_empty())
    }

    /// All cells at once.
    pub(crate) fn into_bulk(self) -> Bulk {
        let rows = self.rows.len().max(1);
        let (table, columns) = (self.table, self.columns);
        self.parts(rows).next().unwrap_or_else(|| Bulk::new(table, columns))
    }

    /// The cells of so many rows at a time.
    pub(crate) fn parts(self, rows: usize) -> impl Iterator<Item = Bulk> {
        let Lot { table, columns, rows: all, push } = self;
        let mut all = all.into_iter();
        std::iter::from_fn(move || {
            let mut bulk = Bulk { table, columns, cells: Vec::with_capacity(columns.len() * rows.min(all.len())) };
            all.by_ref().take(rows).for_each(|row| push(&mut bulk, row));
            Some(bulk).filter(|bulk| !bulk.cells.is_empty())
        })
    }
}
