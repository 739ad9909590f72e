//! Whether a hull is of the potential whose energies are measured by it.

use super::potential::LabeledPotential;
use mlip_atoms::PotentialId;
use mlip_hull::table::TableProvenance;
use std::path::Path;

/// What there is to say of a hull and a potential.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    /// They are not of each other.
    pub(super) mismatch: Option<String>,
    /// A difference that changes last digits.
    pub(super) remark: Option<String>,
}

/// By digest where the table has one, else by the name of the model; settings count where the table names any.
pub(super) fn pairing(file: &Path, table: &TableProvenance, potential: &LabeledPotential) -> Pairing {
    let LabeledPotential { label, id } = potential;
    let own = of_id(id);
    if table.is_of_another(&own) {
        let file = file.display();
        let said = format!("the hull `{file}` is of {table}, and the potential `{label}` is {own}");
        return Pairing { mismatch: Some(said), remark: None };
    }
    let precision = id.precision.to_string();
    let remark = (!table.precision.is_empty() && table.precision != precision).then(|| {
        let (file, of) = (file.display(), &table.precision);
        format!("the hull `{file}` was computed in {of}, and `{label}` is in {precision}: last digits differ")
    });
    Pairing { mismatch: None, remark }
}

fn of_id(id: &PotentialId) -> TableProvenance {
    TableProvenance {
        potential: id.name.clone(),
        checkpoint: id.checkpoint.clone(),
        digest: id.digest.clone(),
        settings: id.settings.clone(),
        ..TableProvenance::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_atoms::Precision;

    fn potential() -> LabeledPotential {
        let id = PotentialId {
            name: "mace".into(),
            checkpoint: "medium-mpa-0".into(),
            digest: "0123456789abcdef0123".into(),
            precision: Precision::F32,
            settings: "head=default".into(),
        };
        LabeledPotential { label: "mine".into(), id }
    }

    fn found(table: TableProvenance) -> (Option<String>, Option<String>) {
        let Pairing { mismatch, remark } = pairing(Path::new("h.csv"), &table, &potential());
        (mismatch, remark)
    }

    #[test]
    fn the_digest_decides_and_the_name_where_there_is_none() {
        let empty = TableProvenance::default;
        assert_eq!(found(empty()), (None, None));
        assert_eq!(found(TableProvenance { potential: "mace".into(), ..empty() }), (None, None));
        let (mismatch, _) = found(TableProvenance { potential: "orb".into(), ..empty() });
        assert!(
            mismatch
                .unwrap()
                .contains("is of orb, and the potential `mine` is mace (medium-mpa-0, digest 0123456789abcdef")
        );
        let same = TableProvenance {
            potential: "x".into(),
            digest: "0123456789ab".into(),
            settings: "head=default".into(),
            ..empty()
        };
        assert_eq!(found(same.clone()), (None, None));
        assert!(found(TableProvenance { digest: "f".repeat(64), ..same.clone() }).0.is_some());
        assert!(found(TableProvenance { settings: "head=other".into(), ..same.clone() }).0.is_some());
        assert!(found(TableProvenance { precision: "f64".into(), ..same }).1.unwrap().contains("was computed in f64"));
    }
}
