//! Where a potential is computed, as users write it: `cpu`, `cuda`, `cuda:1`.

use crate::entry::Selection;
use crate::options::{OptionError, OptionInfo};
use mlip_atoms::{EngineKind, Precision};

/// Where a potential that can run on a card is computed.
pub(crate) const DEVICE: OptionInfo = OptionInfo {
    key: "device",
    about: "where it is computed: cpu, or cuda for NVIDIA cards, cuda:N for the Nth",
    default: "cpu",
};

/// How a card computes products, of potentials that leave a choice.
pub(crate) const PRODUCTS: OptionInfo = OptionInfo {
    key: "products",
    about: "how a card computes products: f16x3 on matrix units, or f32 on plain cores, as exact and a third to half as fast",
    default: "f16x3",
};

/// Where a potential is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the cores of the host.
    Cores,
    /// On the card of this number, or on one for each rank of a host.
    Cuda {
        /// As CUDA counts those that the process sees.
        ordinal: Option<usize>,
    },
}

/// How products are computed on a card, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProductsName {
    F16x3,
    F32,
}

fn wrong(selection: &Selection, key: &str, value: &str, expected: &str) -> OptionError {
    let model = selection.name.clone();
    OptionError::Value { model, key: key.into(), value: value.into(), expected: expected.into() }
}

fn unusable(selection: &Selection, key: &str, value: &str, why: &str) -> OptionError {
    let model = selection.name.clone();
    OptionError::Unusable { model, key: key.into(), value: value.into(), why: why.into() }
}

impl Place {
    /// From the option of a potential that can run on a card.
    pub(crate) fn of(selection: &Selection, device: Option<&str>) -> Result<Self, OptionError> {
        let (text, ordinal) = match device {
            None | Some("cpu") => return Ok(Self::Cores),
            Some(text @ "cuda") => (text, None),
            Some(text) => {
                let number = text.strip_prefix("cuda:").and_then(|number| number.parse().ok());
                let expected = "cpu, cuda, or cuda:N as in cuda:0";
                (text, Some(number.ok_or_else(|| wrong(selection, "device", text, expected))?))
            }
        };
        let unusable = |why| Err(unusable(selection, "device", text, why));
        if cfg!(not(feature = "cuda")) {
            return unusable(
                "this program was built without CUDA; build it with `make build CUDA=1`, or say device=cpu",
            );
        }
        match selection.precision {
            Precision::F32 => {}
            Precision::F64 => return unusable("cards compute in f32; precision=f64 needs device=cpu"),
            Precision::Int8x6 => {
                return unusable(
                    "precision=int8x6 is for matrix units of processors; it needs device=cpu, cards have products=f16x3",
                );
            }
        }
        if selection.engine == EngineKind::Candle {
            return unusable("engine=candle computes on cores; it needs device=cpu");
        }
        Ok(Self::Cuda { ordinal })
    }
}

impl ProductsName {
    /// From the option of a potential that leaves a choice; on cores there is none.
    pub(crate) fn of(selection: &Selection, place: Place, products: Option<&str>) -> Result<Self, OptionError> {
        let named = match products {
            None | Some("f16x3") => Self::F16x3,
            Some("f32") => Self::F32,
            Some(text) => return Err(wrong(selection, "products", text, "f16x3 or f32")),
        };
        match (place, products) {
            (Place::Cores, Some(text)) if named != Self::F32 => {
                Err(unusable(selection, "products", text, "it is for cards; say device=cuda as well"))
            }
            _ => Ok(named),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(device: Option<&str>, products: Option<&str>) -> Result<(Place, ProductsName), String> {
        let selection = Selection::named("orb");
        let place = Place::of(&selection, device).map_err(|error| error.to_string())?;
        let products = ProductsName::of(&selection, place, products).map_err(|error| error.to_string())?;
        Ok((place, products))
    }

    #[test]
    fn cores_are_the_default() {
        for (device, products) in [(None, None), (Some("cpu"), None), (Some("cpu"), Some("f32"))] {
            assert_eq!(place(device, products).map(|(place, _)| place), Ok(Place::Cores));
        }
        let products = place(None, Some("f16x3")).unwrap_err();
        assert!(products.contains("`products=f16x3` of orb cannot be used: it is for cards"), "{products}");
    }

    #[test]
    fn what_is_no_device_is_refused_with_what_is() {
        for text in ["gpu", "cuda:", "cuda:x", "cuda:-1", "CUDA"] {
            let error = place(Some(text), None).unwrap_err();
            assert!(error.contains(&format!("`device={text}`")) && error.contains("cuda:0"), "{error}");
        }
        let error = place(None, Some("tf32")).unwrap_err();
        assert!(error.contains("expected f16x3 or f32"), "{error}");
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_program_without_cuda_says_so() {
        let error = place(Some("cuda:1"), None).unwrap_err();
        assert!(error.contains("built without CUDA") && error.contains("make build CUDA=1"), "{error}");
    }

    #[cfg(feature = "cuda")]
    #[test]
    fn cards_have_numbers_and_ways_of_computing_products() {
        let cuda = |ordinal, products| Ok((Place::Cuda { ordinal }, products));
        assert_eq!(place(Some("cuda"), None), cuda(None, ProductsName::F16x3));
        assert_eq!(place(Some("cuda:3"), Some("f32")), cuda(Some(3), ProductsName::F32));
        let f64 = Selection::named("orb").with_precision(Precision::F64);
        let error = Place::of(&f64, Some("cuda")).unwrap_err().to_string();
        assert!(error.contains("cards compute in f32"), "{error}");
        let candle = Selection::named("orb").with_engine(EngineKind::Candle);
        let error = Place::of(&candle, Some("cuda")).unwrap_err().to_string();
        assert!(error.contains("engine=candle computes on cores"), "{error}");
    }
}
