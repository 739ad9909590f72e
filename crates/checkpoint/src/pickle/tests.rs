use super::*;
use crate::Problem;
use crate::error::Fault;
use proptest::prelude::*;

const LIMIT: usize = 10_000;

fn tree(pickle: &[u8]) -> Tree {
    parse(pickle, &["my.*"], LIMIT).unwrap()
}

fn fault(pickle: &[u8]) -> Fault {
    match parse(pickle, &["my.*"], LIMIT) {
        Err(Problem::Pickle { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

/// A short text, protocol 2.
fn text(text: &str) -> Vec<u8> {
    [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

#[test]
fn numbers_have_their_values() {
    let pickle = b"\x80\x02(NI".as_slice();
    assert_eq!(fault(pickle), Fault::Unsupported("of protocols 0 and 1"));
    let pickle =
        b"\x80\x02(N\x88\x89K\xffM\x34\x12J\xfe\xff\xff\xff\x8a\x00\x8a\x02\x00\xff\x8a\x01\x7fG\x3f\xf8\0\0\0\0\0\0t.";
    let tree = tree(pickle);
    let found: Vec<View<'_>> = tree.root().items().map(Value::view).collect();
    let expected = [
        View::None,
        View::Bool(true),
        View::Bool(false),
        View::Int(255),
        View::Int(0x1234),
        View::Int(-2),
        View::Int(0),
        View::Int(-256),
        View::Int(127),
        View::Float(1.5),
    ];
    assert_eq!(found, expected);
}

#[test]
fn integers_beyond_64_bits_are_kept_as_bytes() {
    let tree = tree(b"\x80\x02\x8a\x09\0\0\0\0\0\0\0\0\x01.");
    assert_eq!(tree.root().view(), View::BigInt(&[0, 0, 0, 0, 0, 0, 0, 0, 1]));
}

/// `{'a': [1, (2, 3)], 'b': b'x', 'c': {1}, 'd': 2**70, 'e': -0.5}`, dumped by Python 3.11 in every protocol.
#[test]
fn all_protocols_are_read_alike() {
    let two = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01K\x02K\x03\x86q\x03eX\x01\x00\x00\x00bq\x04c_codecs\nencode\nq\x05X\x01\x00\x00\x00xq\x06X\x06\x00\x00\x00latin1q\x07\x86q\x08Rq\tX\x01\x00\x00\x00cq\nc__builtin__\nset\nq\x0b]q\x0cK\x01a\x85q\rRq\x0eX\x01\x00\x00\x00dq\x0f\x8a\t\x00\x00\x00\x00\x00\x00\x00\x00@X\x01\x00\x00\x00eq\x10G\xbf\xe0\x00\x00\x00\x00\x00\x00u.";
    let three = b"\x80\x03}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01K\x02K\x03\x86q\x03eX\x01\x00\x00\x00bq\x04C\x01xq\x05X\x01\x00\x00\x00cq\x06cbuiltins\nset\nq\x07]q\x08K\x01a\x85q\tRq\nX\x01\x00\x00\x00dq\x0b\x8a\t\x00\x00\x00\x00\x00\x00\x00\x00@X\x01\x00\x00\x00eq\x0cG\xbf\xe0\x00\x00\x00\x00\x00\x00u.";
    let four = b"\x80\x04\x95C\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94]\x94(K\x01K\x02K\x03\x86\x94e\x8c\x01b\x94C\x01x\x94\x8c\x01c\x94\x8f\x94(K\x01\x90\x8c\x01d\x94\x8a\t\x00\x00\x00\x00\x00\x00\x00\x00@\x8c\x01e\x94G\xbf\xe0\x00\x00\x00\x00\x00\x00u.";
    let mut five = four.to_vec();
    five[1] = 5;
    for pickle in [two.as_slice(), three, four, &five] {
        let tree = tree(pickle);
        let root = tree.root();
        assert_eq!(root.entries().len(), 5);
        let list: Vec<Value<'_>> = root.field("a").unwrap().items().collect();
        assert_eq!((list[0].as_int(), list[1].view()), (Some(1), View::Tuple));
        assert_eq!(list[1].items().map(|item| item.as_int().unwrap()).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(root.field("b").unwrap().as_bytes(), Some(b"x".as_slice()));
        let set = root.field("c").unwrap();
        assert_eq!((set.view(), set.items().next().unwrap().as_int()), (View::Set, Some(1)));
        assert_eq!(root.field("d").unwrap().view(), View::BigInt(&[0, 0, 0, 0, 0, 0, 0, 0, 0x40]));
        assert_eq!(root.field("e").unwrap().as_float(), Some(-0.5));
    }
}

#[test]
fn shared_and_cyclic_references_stay_the_same_object() {
    // x = []; x.append(x); [x, x]
    let tree = tree(b"\x80\x02](]q\0h\0ah\0e.");
    let items: Vec<Value<'_>> = tree.root().items().collect();
    assert_eq!(items[0].id(), items[1].id());
    assert_eq!(items[0].items().next().unwrap().id(), items[0].id());
}

#[test]
fn objects_keep_class_arguments_and_state_and_run_nothing() {
    let pickle = [b"\x80\x02cmy.module\nThing\nK\x05\x85\x81}".as_slice(), &text("x"), b"K\x07sb."].concat();
    let tree = tree(&pickle);
    let root = tree.root();
    assert_eq!(root.view(), View::Object("my.module.Thing"));
    assert_eq!(root.arguments().unwrap().items().next().unwrap().as_int(), Some(5));
    assert_eq!(root.get("x").unwrap().as_int(), Some(7));
    assert!(root.get("y").is_none());
}

#[test]
fn a_class_that_nobody_allowed_is_refused_by_name() {
    for pickle in [b"\x80\x02cos\nsystem\n".to_vec(), [b"\x80\x04\x8c\x02os\x8c\x06system\x93".as_slice()].concat()] {
        assert_eq!(fault(&pickle), Fault::UnknownClass("os.system".to_owned()));
    }
    assert_eq!(fault(b"\x80\x02cmyth\nThing\n"), Fault::UnknownClass("myth.Thing".to_owned()));
    assert!(parse(b"\x80\x02cmy\nThing\n.", &["my.Thing"], LIMIT).is_ok());
}

#[test]
fn containers_that_pickle_spells_as_calls_are_containers() {
    let set = tree(b"\x80\x02c__builtin__\nset\n](K\x01K\x02e\x85R.");
    assert_eq!((set.root().view(), set.root().items().len()), (View::Set, 2));
    let ordered =
        [b"\x80\x02ccollections\nOrderedDict\n)R(".as_slice(), &text("k"), b"K\x01u}", &text("_metadata"), b"Nsb."];
    let ordered = tree(&ordered.concat());
    assert_eq!((ordered.root().view(), ordered.root().entries().len()), (View::Dict, 1));
    let bytes = [b"\x80\x02c_codecs\nencode\n".as_slice(), &text("\u{ff}\0a"), &text("latin1"), b"\x86R."].concat();
    assert_eq!(tree(&bytes).root().as_bytes(), Some([0xff, 0, b'a'].as_slice()));
}

#[test]
fn of_a_key_that_was_set_twice_the_later_counts() {
    let pickle = [b"\x80\x02}(".as_slice(), &text("a"), b"K\x01", &text("a"), b"K\x02u."].concat();
    assert_eq!(tree(&pickle).root().field("a").unwrap().as_int(), Some(2));
}

#[test]
fn damage_is_reported_with_its_place_and_kind() {
    assert_eq!(fault(b"\x80\x02"), Fault::Truncated);
    assert_eq!(fault(b"\x80\x02X\xff\xff\xff\xff"), Fault::Truncated);
    assert_eq!(fault(b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff"), Fault::Truncated);
    assert_eq!(fault(b"\x80\x06"), Fault::Protocol(6));
    assert_eq!(fault(b"\x80\x02\x00"), Fault::UnknownOpcode(0));
    assert_eq!(fault(b"\x80\x02."), Fault::StackUnderflow);
    assert_eq!(fault(b"\x80\x02N(\x85"), Fault::StackUnderflow);
    assert_eq!(fault(b"\x80\x02t"), Fault::StackUnderflow);
    assert_eq!(fault(b"\x80\x02h\x05"), Fault::UnknownMemo(5));
    assert_eq!(fault(b"\x80\x02K\x01K\x02a"), Fault::Operand("an object"));
    assert_eq!(fault(b"\x80\x02}(K\x01u"), Fault::Operand("a value for every key"));
    assert_eq!(fault(b"\x80\x02U\x01\xff\x8c\x01\xff"), Fault::NotText);
    assert_eq!(fault(b"\x80\x02)R"), Fault::StackUnderflow);
    assert_eq!(fault(b"\x80\x02N)R"), Fault::Operand("a class to make an object of"));
    let error = parse(b"\x80\x02NN\x00", &[], LIMIT).unwrap_err().to_string();
    assert!(error.contains("at byte 4"), "{error}");
}

#[test]
fn objects_stack_and_memo_are_bounded() {
    for instruction in [b"}".as_slice(), b"N", b"(", b"N2"] {
        let pickle = [b"\x80\x02".as_slice(), &instruction.repeat(LIMIT + 1)].concat();
        assert_eq!(fault(&pickle), Fault::TooManyObjects(LIMIT));
    }
    let memo: Vec<u8> = (0..=LIMIT as u32).flat_map(|index| [b"r".as_slice(), &index.to_le_bytes()].concat()).collect();
    assert_eq!(fault(&[b"\x80\x02N".as_slice(), &memo].concat()), Fault::TooManyObjects(LIMIT));
}

#[test]
fn a_list_made_into_sets_again_and_again_does_not_fill_the_memory() {
    let list = [b"\x80\x02c__builtin__\nset\nq\0](".as_slice(), &b"N".repeat(2000), b"eq\x01"].concat();
    let pickle = [list, b"0h\0h\x01\x85R".repeat(1000)].concat();
    assert_eq!(fault(&pickle), Fault::TooManyObjects(LIMIT));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes, &["my.*"], LIMIT);
    }

    /// Mostly valid instructions reach deeper than any bytes do.
    #[test]
    fn any_instructions_are_survived(steps in prop::collection::vec(0usize..24, 0..200)) {
        let instructions: [&[u8]; 24] = [
            b"N", b"K\x01", b"X\x01\0\0\0a", b"(", b")", b"]", b"}", b"\x8f", b"0", b"1", b"2", b"\x85", b"\x86", b"t",
            b"a", b"e", b"s", b"u", b"q\x01", b"h\x01", b"cmy\nX\n", b"R", b"b", b"Q",
        ];
        let bytes: Vec<u8> = steps.iter().flat_map(|step| instructions[*step]).copied().chain(*b".").collect();
        if let Ok(tree) = parse(&bytes, &["my.*"], LIMIT) {
            prop_assert!(tree.n_objects() <= bytes.len());
            let _ = (tree.root().describe(), tree.root().tensor(), tree.root().get("a").map(Value::describe));
        }
    }
}
