#!/usr/bin/env bash
# Tries recipes of this folder where there is neither a container engine nor a registry. As root, on Debian 12 with debootstrap:
#
#   packaging/try.sh static [FILE]   the file of `make static` as the only one in its root, under chroot
#   packaging/try.sh docker          the Dockerfile, by buildah
#   packaging/try.sh apptainer       the stages of apptainer.def, their commands run by `sh -e` under chroot
#
# The images that the recipes name are made by debootstrap and rustup. They, and what is built, lie in TRY (default target/try), some
# GB. `docker` and `apptainer` share what cargo builds there. With TRY_PROGRAM=FILE cargo builds nothing and hands over that program,
# which was linked with Debian 12's Open MPI: all other commands of a recipe are tried within minutes.
set -eu
# What is mounted here is mounted for this script alone.
[ -n "${TRY_INSIDE:-}" ] || TRY_INSIDE=1 exec unshare --mount --propagation private "$0" "$@"
cd "$(dirname "$0")/.."
here=$PWD
TRY=${TRY:-$here/target/try}
mkdir -p "$TRY/cargo"
rust=https://static.rust-lang.org/rustup/dist/$(uname -m)-unknown-linux-gnu/rustup-init

# debian:bookworm-slim, nearly: what debootstrap calls minbase.
debian_root() {
    [ -d "$TRY/debian" ] || { debootstrap --variant=minbase bookworm "$TRY/debian.new" >"$TRY/debian.log" && mv "$TRY/debian.new" "$TRY/debian"; }
}

# rust:1-bookworm, nearly: a compiler of C, git, curl, and Rust where that image has it.
rust_root() {
    [ -d "$TRY/rust" ] || make_rust_root
    rm -f "$TRY/rust/usr/local/cargo/bin/cargo" "$TRY/rust/usr/local/cargo/program"
    if [ -n "${TRY_PROGRAM:-}" ]; then
        cp "$TRY_PROGRAM" "$TRY/rust/usr/local/cargo/program"
        printf '#!/bin/sh\ncase $1 in\nbuild) install -D /usr/local/cargo/program target/release/mlip-batch ;;\n*) exec rustup run stable cargo "$@" ;;\nesac\n' >"$TRY/rust/usr/local/cargo/bin/cargo"
        chmod +x "$TRY/rust/usr/local/cargo/bin/cargo"
    else
        ln "$TRY/rust/usr/local/cargo/bin/rustup" "$TRY/rust/usr/local/cargo/bin/cargo"
    fi
}

make_rust_root() {
    debian_root
    rm -rf "$TRY/rust.new"
    cp -a "$TRY/debian" "$TRY/rust.new"
    curl -sSf -o "$TRY/rust.new/rustup-init" "$rust"
    cp /etc/resolv.conf "$TRY/rust.new/etc/"
    within "$TRY/rust.new" 'apt-get update -q; DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends build-essential ca-certificates curl git' >"$TRY/rust.log"
    # A proxy may have certificates that this host knows.
    cp /etc/ssl/certs/ca-certificates.crt "$TRY/rust.new/etc/ssl/certs/"
    within "$TRY/rust.new" '
        chmod +x rustup-init; ./rustup-init -y --no-modify-path --profile minimal; rm rustup-init' >>"$TRY/rust.log"
    mv "$TRY/rust.new" "$TRY/rust"
}

# Commands under a root, as Docker and Apptainer run them: by sh, until one fails, with nothing of the environment outside.
within() {
    local root=$1
    mount --rbind /proc "$root/proc"
    mount --rbind /dev "$root/dev"
    local code=0
    env -i HOME=/root CARGO_HOME=/usr/local/cargo RUSTUP_HOME=/usr/local/rustup \
        PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        chroot "$root" /bin/sh -e -c "$2" || code=$?
    umount -l "$root/proc" "$root/dev"
    return $code
}

# What each of them computes.
crystals() {
    mkdir -p "$1"
    cp tests/fixtures/cifs/*.cif "$1/"
}

# Whether there are energies: all structures but three, which no CIF reader takes.
computed() {
    [ "$(grep -c ',ok,' "$1/report/energies.csv")" = 47 ] || { echo "structures of $1 are missing" >&2; return 1; }
    sha256sum "$1/report/energies.csv"
}

try_static() {
    local file=${1:-target/$(uname -m)-unknown-linux-musl/release/mlip-batch} root=$TRY/static
    rm -rf "$root"
    mkdir -p "$root"
    cp "$file" "$root/mlip-batch"
    crystals "$root/cifs"
    file "$root/mlip-batch"
    if ldd "$root/mlip-batch" 2>&1 | grep -q '=>'; then echo "it has shared libraries" >&2; exit 1; fi
    env -i "$(command -v chroot)" "$root" /mlip-batch --version
    env -i "$(command -v chroot)" "$root" /mlip-batch run --cifs /cifs --model chgnet --out /RUN
    computed "$root/RUN"
    find "$root" -maxdepth 1 -mindepth 1 -printf '%f\n'
}

try_docker() {
    export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs} BUILDAH_ISOLATION=chroot
    rust_root
    for name in debian:bookworm-slim rust:1-bookworm; do
        buildah rmi -f "docker.io/library/$name" >/dev/null 2>&1 || true
        local base
        base=$(buildah from scratch)
        buildah add -q "$base" "$TRY/${name%%:*}" /
        [ "$name" = debian:bookworm-slim ] || buildah config --env CARGO_HOME=/usr/local/cargo --env RUSTUP_HOME=/usr/local/rustup \
            --env PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$base"
        buildah commit -q --rm "$base" "docker.io/library/$name"
    done
    buildah bud --pull-never -v "$TRY/cargo:/source/target" -f packaging/Dockerfile -t mlip-batch .
    rm -rf "$TRY/docker"
    crystals "$TRY/docker/cifs"
    local made
    made=$(buildah from --pull-never localhost/mlip-batch)
    buildah run -v "$TRY/docker:/data" "$made" -- mlip-batch --version
    buildah run -v "$TRY/docker:/data" "$made" -- mpirun -n 2 mlip-batch run --cifs cifs --out RUN
    computed "$TRY/docker/RUN"
    buildah rm "$made" >/dev/null
    buildah images
}

# The lines of a section of a stage of apptainer.def.
section() {
    awk -v stage="$1" -v name="$2" '
        $1 == "Stage:" { now = $2 }
        /^Bootstrap:/ { inside = 0 }
        /^%/ { inside = ($1 == "%" name); next }
        inside && now == stage && NF && $1 !~ /^#/ { print }' packaging/apptainer.def
}

# What `%files` of a stage copies must be what is copied below.
copies() {
    local found
    found=$(section "$1" files | tr -s ' ' | sed 's/^ //')
    [ "$found" = "$2" ] || { echo "the stage $1 of apptainer.def copies '$found', this script '$2'" >&2; return 1; }
}

try_apptainer() {
    rust_root
    local build=$TRY/apptainer-build final=$TRY/apptainer
    rm -rf "$build" "$final"
    cp -a "$TRY/rust" "$build"
    cp -a "$TRY/debian" "$final"
    cp /etc/resolv.conf "$final/etc/"
    copies build ". /source"
    copies final "/install/usr/* /usr/"
    mkdir -p "$build/source/target"
    tar -c --exclude=./target --exclude=./fuzz/target . | tar -x -C "$build/source"
    mount --bind "$TRY/cargo" "$build/source/target"
    local code=0
    within "$build" "$(section build post)" || code=$?
    umount "$build/source/target"
    [ $code = 0 ]
    # What Apptainer does: each path that the pattern names goes into the folder, and joins what is there under its name.
    cp -fr "$build"/install/usr/* "$final/usr/"
    within "$final" "$(section final post)"
    crystals "$final/data/cifs"
    within "$final" "cd /data; mlip-batch --version; OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe -n 2 mlip-batch run --cifs cifs --out RUN"
    computed "$final/data/RUN"
}

case ${1:-} in
static | docker | apptainer) "try_$1" "${@:2}" ;;
*) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
