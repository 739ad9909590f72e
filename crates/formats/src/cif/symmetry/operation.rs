//! Symmetry operations: `-y,x-y,z+1/3`.

use mlip_atoms::Lattice;

/// Operations may change the metric by this part: cells of real files are refined, rounded, strained.
pub(super) const MAX_MISFIT: f64 = 0.05;

/// x' = R x + t, in fractional coordinates.
///
/// R is whole-numbered in a cell that the operation leaves as it is; in a supercell (a hexagonal crystal described
/// with right angles) it may hold halves or thirds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Operation {
    pub(crate) rotation: [[f64; 3]; 3],
    pub(crate) translation: [f64; 3],
}

/// Translations agree when they do modulo 1 to this part of a cell edge.
const TRANSLATION_STEPS: f64 = 10_000.0;
/// Largest coefficient of x, y or z.
const MAX_COEFFICIENT: f64 = 4.0;

/// A rotation in 24ths.
pub(crate) type RotationKey = [[i32; 3]; 3];
/// What makes two operations the same: rotation, and translation modulo 1.
pub(crate) type OperationKey = (RotationKey, [i32; 3]);

impl Operation {
    pub(crate) const IDENTITY: Self =
        Self { rotation: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], translation: [0.0; 3] };

    /// The image of a position, not wrapped into the cell.
    pub(crate) fn apply(&self, x: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|i| {
            let row = self.rotation[i];
            row[0] * x[0] + row[1] * x[1] + row[2] * x[2] + self.translation[i]
        })
    }

    /// `self` after `first`.
    pub(crate) fn compose(&self, first: &Self) -> Self {
        let rotation = std::array::from_fn(|i| {
            std::array::from_fn(|j| (0..3).map(|k| self.rotation[i][k] * first.rotation[k][j]).sum())
        });
        Self { rotation, translation: self.apply(first.translation) }
    }

    pub(crate) fn key(&self) -> OperationKey {
        #[expect(clippy::cast_possible_truncation, reason = "at most 10000 after the remainder")]
        let step = |t: f64| (t * TRANSLATION_STEPS).round().rem_euclid(TRANSLATION_STEPS) as i32;
        (self.rotation_key(), self.translation.map(step))
    }

    pub(crate) fn rotation_key(&self) -> RotationKey {
        #[expect(clippy::cast_possible_truncation, reason = "coefficients are at most a few units")]
        let part = |r: f64| (r * 24.0).round() as i32;
        self.rotation.map(|row| row.map(part))
    }

    /// Determinant of the rotation.
    pub(crate) fn determinant(&self) -> f64 {
        let [a, b, c] = self.rotation;
        a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0])
    }

    /// How much the operation changes the metric G of the cell: max |Rᵀ G R − G| / max |G|.
    pub(crate) fn misfit(&self, lattice: &Lattice) -> f64 {
        let metric = metric(lattice);
        let largest = metric.iter().flatten().fold(0.0, |m: f64, g| m.max(g.abs()));
        let column = |j: usize| self.rotation.map(|row| row[j]);
        let product = |u: [f64; 3], v: [f64; 3]| -> f64 {
            metric.iter().zip(u).map(|(row, x)| x * (row[0] * v[0] + row[1] * v[1] + row[2] * v[2])).sum()
        };
        let mut change: f64 = 0.0;
        for (i, row) in metric.iter().enumerate() {
            for (j, g) in row.iter().enumerate() {
                change = change.max((product(column(i), column(j)) - g).abs());
            }
        }
        change / largest
    }
}

fn metric(lattice: &Lattice) -> [[f64; 3]; 3] {
    let v = lattice.vectors();
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| v[i][k] * v[j][k]).sum()))
}

/// Largest misfit of a set of operations.
pub(crate) fn misfit(operations: &[Operation], lattice: &Lattice) -> f64 {
    let mut seen = std::collections::HashSet::new();
    let mut worst: f64 = 0.0;
    for operation in operations {
        if seen.insert(operation.rotation_key()) {
            worst = worst.max(operation.misfit(lattice));
        }
    }
    worst
}

/// Reads the three components of an operation; `Err` says what is wrong.
///
/// Any case, blanks anywhere, the translation before or after, as fraction or decimal; decimals that stand for a
/// multiple of 1/24 (0.167, 0.66) are taken as such.
pub(crate) fn parse_operation(text: &str) -> Result<Operation, String> {
    let compact: Vec<u8> =
        text.bytes().filter(|byte| !byte.is_ascii_whitespace()).map(|b| b.to_ascii_lowercase()).collect();
    let parts: Vec<&[u8]> = compact.split(|byte| *byte == b',').collect();
    if parts.len() != 3 {
        return Err(format!("{} components instead of 3", parts.len()));
    }
    let mut operation = Operation { rotation: [[0.0; 3]; 3], translation: [0.0; 3] };
    for (i, part) in parts.iter().enumerate() {
        let (row, translation) = parse_component(part)?;
        operation.rotation[i] = row;
        operation.translation[i] = translation;
    }
    if (operation.determinant().abs() - 1.0).abs() > 1e-3 {
        return Err(format!("its determinant is {}, not 1 or -1", operation.determinant()));
    }
    Ok(operation)
}

/// One component, without blanks and in lower case: coefficients of x, y, z, and the translation.
fn parse_component(text: &[u8]) -> Result<([f64; 3], f64), String> {
    let (mut row, mut translation) = ([0.0f64; 3], 0.0);
    let mut rest = text;
    if rest.is_empty() {
        return Err("an empty component".into());
    }
    while let Some(&first) = rest.first() {
        let sign = if first == b'-' { -1.0 } else { 1.0 };
        if matches!(first, b'+' | b'-') {
            rest = &rest[1..];
        }
        let number = take_number(&mut rest)?;
        if number.is_some() && rest.first() == Some(&b'*') {
            rest = &rest[1..];
        }
        match (rest.first(), number) {
            (Some(axis @ b'x'..=b'z'), _) => {
                let coefficient = number.map_or(1.0, |(value, digit)| snap(value, digit));
                row[usize::from(axis - b'x')] += sign * coefficient;
                rest = &rest[1..];
            }
            (_, Some((value, digit))) => translation += sign * snap(value, digit),
            (Some(other), None) => return Err(format!("the character {:?}", char::from(*other))),
            (None, None) => return Err("a sign at the end".into()),
        }
    }
    if row.iter().any(|entry| entry.abs() > MAX_COEFFICIENT) {
        return Err(format!("a coefficient above {MAX_COEFFICIENT}"));
    }
    Ok((row, translation))
}

/// `1/2`, `0.5`, `.5`, `1`: the value, and what its last digit counts (0 where it is exact).
fn take_number(rest: &mut &[u8]) -> Result<Option<(f64, f64)>, String> {
    let length = rest.iter().position(|byte| !(byte.is_ascii_digit() || *byte == b'.')).unwrap_or(rest.len());
    if length == 0 {
        return Ok(None);
    }
    let (number, mut after) = rest.split_at(length);
    let value = number_of(number)?;
    let decimals = number.iter().position(|byte| *byte == b'.').map(|point| length - point - 1);
    let digit = decimals.map_or(0.0, |n| 10f64.powi(-i32::try_from(n).unwrap_or(i32::MAX)));
    let mut result = (value, digit);
    if let Some((b'/', denominator)) = after.split_first() {
        let length = denominator.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(denominator.len());
        let below = number_of(&denominator[..length])?;
        if below == 0.0 {
            return Err("a division by zero".into());
        }
        result = (value / below, 0.0);
        after = &denominator[length..];
    }
    *rest = after;
    Ok(Some(result))
}

fn number_of(digits: &[u8]) -> Result<f64, String> {
    let text = String::from_utf8_lossy(digits);
    // More digits than a double holds are no translation.
    let short = (digits.len() <= 40).then_some(&text);
    short.and_then(|text| text.parse().ok()).ok_or_else(|| format!("the number {text:?}"))
}

/// The multiple of 1/24 that a decimal stands for. A third may be cut off after two digits.
fn snap(value: f64, digit: f64) -> f64 {
    let nearest = |parts: f64| (value * parts).round() / parts;
    let (fine, third) = (nearest(24.0), nearest(3.0));
    if (value - fine).abs() <= digit.min(0.1 / 24.0) {
        fine
    } else if digit < 0.05 && (value - third).abs() <= digit {
        third
    } else {
        value
    }
}

/// Each operation once, the identity first (added if it is not there; the flag says so).
pub(crate) fn distinct(operations: impl IntoIterator<Item = Operation>) -> (Vec<Operation>, bool) {
    let mut seen = std::collections::HashSet::new();
    let identity = Operation::IDENTITY.key();
    seen.insert(identity);
    let (mut list, mut had_identity) = (vec![Operation::IDENTITY], false);
    for operation in operations {
        let key = operation.key();
        had_identity |= key == identity;
        if seen.insert(key) {
            list.push(operation);
        }
    }
    (list, had_identity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_atoms::Frame;

    #[test]
    fn dialects_give_the_same_operation() {
        let expected = parse_operation("-x+1/2,-y+1/2,z+1/2").unwrap();
        for text in
            ["1/2-X, 1/2-Y, 1/2+Z", "-x+0.5,\t-y+.5,z+0.50", " 0.5 - x , -1*y+1/2, +z+1/2", "-x+3/2,-y-1/2,z+1/2"]
        {
            assert_eq!(parse_operation(text).unwrap().key(), expected.key(), "{text}");
        }
        assert_eq!(parse_operation("x-y,x,z+0.3333").unwrap().translation[2], 1.0 / 3.0);
        assert_eq!(parse_operation("x-y,x,z+0.66").unwrap().translation[2], 2.0 / 3.0);
        assert_eq!(parse_operation("x,y,z+0.2").unwrap().translation[2], 0.2);
    }

    #[test]
    fn fractions_may_stand_before_the_axes_of_a_supercell() {
        let threefold = parse_operation("-1/2x-3/2y,1/2x-1/2y,z").unwrap();
        let turned = parse_operation("-1/2x+1/2y,-3/2x-1/2y,z").unwrap();
        // Of the two ways to lay the rectangular cell over a hexagonal lattice each operation belongs to one.
        let cell = |a: f64, b: f64| Lattice::from_parameters([a, b, 2.0], [90.0; 3], Frame::Ase).unwrap();
        let (long_a, long_b) = (cell(3f64.sqrt(), 1.0), cell(1.0, 3f64.sqrt()));
        assert!(turned.misfit(&long_a) < 1e-12 && threefold.misfit(&long_b) < 1e-12);
        assert!(turned.misfit(&long_b) > 0.5 && threefold.misfit(&long_a) > 0.5);
        assert_eq!(threefold.compose(&threefold).compose(&threefold).key(), Operation::IDENTITY.key());
    }

    #[test]
    fn malformed_operations_are_refused() {
        for text in [
            "",
            "x,y",
            "x,y,z,w",
            "-x,-y,q",
            "x,x,z",
            "x,y,",
            "x,y,z+",
            "x,y,z+1/0",
            "x,y,2z",
            "x,y,9999999999z",
            "x,y,1.2.3+z",
        ] {
            assert!(parse_operation(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_identity_keeps_every_bit_of_a_coordinate() {
        for x in [0.1, 100.195_2, -1e-17, 0.333_333_333_333_1] {
            assert_eq!(Operation::IDENTITY.apply([x; 3])[0].to_bits(), x.to_bits());
        }
    }

    #[test]
    fn a_misfit_shows_where_the_cell_is_not_symmetric() {
        let swap = parse_operation("y,x,z").unwrap();
        let cell = |b| Lattice::from_parameters([4.0, b, 5.0], [90.0; 3], Frame::Ase).unwrap();
        assert!(swap.misfit(&cell(4.0)) < 1e-12);
        assert!(swap.misfit(&cell(4.4)) > 0.05);
    }
}
