#!/usr/bin/env bash
# Builds a stand-in for NVIDIA's driver that computes kernels in f32 on the host's cores, and prints its folder: with that in
# LD_LIBRARY_PATH, tests of cards run on a host without one (make test-kernels).
set -eu
cd "$(dirname "$0")/.."
case ${CARGO_TARGET_DIR:-} in
/*) folder=$CARGO_TARGET_DIR/emulator ;;
*) folder=$PWD/${CARGO_TARGET_DIR:-target}/emulator ;;
esac
rm -rf "$folder"
mkdir -p "$folder/kernels"
cp crates/gpu/kernels/* "$folder/kernels"
cp crates/gpu/tests/emulator/* "$folder/kernels"
cd "$folder/kernels"
# A kernel's argument by reference, so that all kernels are called alike; memory of a block is static.
sed -i -E 's/__grid_constant__ const ([A-Za-z]+) p/const \1 \&p/
    s/__shared__ alignas\(([0-9]+)\)/alignas(\1) static/
    s/extern __shared__/extern/
    s/__shared__/static/' ./*.cu ./*.cuh
flags=(-std=c++17 -O2 -march=native -fPIC -w -include cuda.h -I.)
for source in products rows mace chgnet uma; do
    "${CXX:-c++}" "${flags[@]}" -x c++ -c "$source.cu" -o "$source.o"
done
"${CXX:-c++}" "${flags[@]}" -c driver.cpp -o driver.o
"${CXX:-c++}" -shared -Wl,-soname,libcuda.so.1 -Wl,-Bsymbolic -o "$folder/libcuda.so.1" ./*.o -ldl
# The name that is looked for first.
cp "$folder/libcuda.so.1" "$folder/libcuda.so"
echo "$folder"
