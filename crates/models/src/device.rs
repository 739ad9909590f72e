//! Where a potential is computed, as users write it: `cpu`, `cuda`, `cuda:1`.

use crate::entry::Selection;
use crate::options::{OptionError, OptionInfo};
use mlip_atoms::{EngineKind, Precision};

/// The options of potentials that can run on a card.
pub(crate) const OPTIONS: &[OptionInfo] = &[
    OptionInfo {
        key: "device",
        about: "where it is computed: cpu, or cuda for NVIDIA cards, cuda:N for the Nth",
        default: "cpu",
    },
    OptionInfo {
        key: "products",
        about: "how a card computes products: f32, or f16x3 on matrix units, three times as fast",
        default: "f32",
    },
];

/// Where a potential is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the cores of the host.
    Cores,
    /// On the card of this number, or on one for each rank of a host.
    Cuda {
        /// As CUDA counts those that the process sees.
        ordinal: Option<usize>,
        /// How products are computed.
        products: ProductsName,
    },
}

/// How products are computed on a card, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProductsName {
    F32,
    F16x3,
    Bf16x3,
}

impl Place {
    /// From the options of a potential that can run on a card.
    pub(crate) fn of(selection: &Selection, device: Option<&str>, products: Option<&str>) -> Result<Self, OptionError> {
        let model = || selection.name.clone();
        let wrong = |key: &str, value: &str, expected: &str| OptionError::Value {
            model: model(),
            key: key.into(),
            value: value.into(),
            expected: expected.into(),
        };
        let unusable = |key: &str, value: &str, why: &str| OptionError::Unusable {
            model: model(),
            key: key.into(),
            value: value.into(),
            why: why.into(),
        };
        let (text, ordinal) = match device {
            None | Some("cpu") => (None, None),
            Some(text @ "cuda") => (Some(text), None),
            Some(text) => {
                let number = text.strip_prefix("cuda:").and_then(|number| number.parse().ok());
                (Some(text), Some(number.ok_or_else(|| wrong("device", text, "cpu, cuda, or cuda:N as in cuda:0"))?))
            }
        };
        let named = match products {
            None | Some("f32") => ProductsName::F32,
            Some("f16x3") => ProductsName::F16x3,
            Some("bf16x3") => ProductsName::Bf16x3,
            Some(text) => return Err(wrong("products", text, "f32 or f16x3")),
        };
        let Some(text) = text else {
            return match products {
                Some(text) if named != ProductsName::F32 => {
                    Err(unusable("products", text, "it is for cards; say device=cuda as well"))
                }
                _ => Ok(Self::Cores),
            };
        };
        if cfg!(not(feature = "cuda")) {
            let why = "this program was built without CUDA; build it with `make build CUDA=1`, or say device=cpu";
            return Err(unusable("device", text, why));
        }
        if selection.precision == Precision::F64 {
            return Err(unusable("device", text, "cards compute in f32; precision=f64 needs device=cpu"));
        }
        if selection.engine == EngineKind::Candle {
            return Err(unusable("device", text, "engine=candle computes on cores; it needs device=cpu"));
        }
        Ok(Self::Cuda { ordinal, products: named })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(device: Option<&str>, products: Option<&str>) -> Result<Place, String> {
        Place::of(&Selection::named("orb"), device, products).map_err(|error| error.to_string())
    }

    #[test]
    fn cores_are_the_default() {
        for (device, products) in [(None, None), (Some("cpu"), None), (Some("cpu"), Some("f32"))] {
            assert_eq!(place(device, products), Ok(Place::Cores));
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
        let error = place(Some("cuda"), Some("tf32")).unwrap_err();
        assert!(error.contains("expected f32 or f16x3"), "{error}");
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
        let cuda = |ordinal, products| Ok(Place::Cuda { ordinal, products });
        assert_eq!(place(Some("cuda"), None), cuda(None, ProductsName::F32));
        assert_eq!(place(Some("cuda:3"), Some("f16x3")), cuda(Some(3), ProductsName::F16x3));
        let f64 = Selection::named("orb").with_precision(Precision::F64);
        let error = Place::of(&f64, Some("cuda"), None).unwrap_err().to_string();
        assert!(error.contains("cards compute in f32"), "{error}");
        let candle = Selection::named("orb").with_engine(EngineKind::Candle);
        let error = Place::of(&candle, Some("cuda"), None).unwrap_err().to_string();
        assert!(error.contains("engine=candle computes on cores"), "{error}");
    }
}
