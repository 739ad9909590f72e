#!/usr/bin/env bash
# Prints the folder of a CUDA toolkit that can compile the kernels; installs one where there is none.
#
# usage: CUDA_HOME=$(scripts/cuda.sh)
#
# A toolkit is taken from CUDA_HOME, else from the nvcc on PATH (a cluster's `cuda` module), else from NVIDIA's wheels on
# PyPI: 270 MB into target/cuda-VERSION, with no GPU, no driver and no root needed. With MLIP_NO_INSTALL set, a missing one
# is named instead. Only the compiler is needed, and only to build: the program opens the driver's library when it runs.
set -eu
cd "$(dirname "$0")/.."

# No newer than the drivers that are to run the program: CUDA 13.0 is driver 580.
version=13.0.88
wheels=(nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88
    nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85)

if [ -n "${CUDA_HOME:-}" ]; then
    if [ ! -x "$CUDA_HOME/bin/nvcc" ]; then
        echo "CUDA_HOME is $CUDA_HOME, and there is no bin/nvcc in it" >&2
        exit 1
    fi
    echo "$CUDA_HOME"
    exit
fi
if nvcc=$(command -v nvcc); then
    dirname "$(dirname "$(readlink -f "$nvcc")")"
    exit
fi

folder=$PWD/${CARGO_TARGET_DIR:-target}/cuda-$version
case ${CARGO_TARGET_DIR:-} in /*) folder=$CARGO_TARGET_DIR/cuda-$version ;; esac
if [ ! -x "$folder/nvidia/cu13/bin/nvcc" ]; then
    if [ -n "${MLIP_NO_INSTALL:-}" ]; then
        echo "missing: a CUDA toolkit (MLIP_NO_INSTALL is set). Load your cluster's module, or set CUDA_HOME" >&2
        exit 1
    fi
    if ! python3 -m pip --version >/dev/null 2>&1; then
        echo "missing: a CUDA toolkit, and pip to install one. Load your cluster's module, or set CUDA_HOME" >&2
        exit 1
    fi
    if ! command -v g++ >/dev/null; then
        echo "missing: g++, which nvcc compiles the host's part with (Debian, Ubuntu: sudo apt-get install g++)" >&2
        exit 1
    fi
    echo "installing: nvcc $version into $folder" >&2
    part=$folder.part
    rm -rf "$part"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --no-deps --target "$part" "${wheels[@]}" >&2
    rm -rf "$folder"
    mv "$part" "$folder"
fi
echo "$folder/nvidia/cu13"
