"""Spack package, for Spack 1.0 and later; put this folder into a repository as packages/mlip_batch, and set `git` to yours."""

from spack_repo.builtin.build_systems.makefile import MakefilePackage

from spack.package import *


class MlipBatch(MakefilePackage):
    """Evaluates machine-learned interatomic potentials over lists of crystal structures on a cluster."""

    git = "file:///path/to/mlip-batch"

    license("MIT OR Apache-2.0")

    version("main", branch="main")

    depends_on("c", type="build")
    depends_on("rust@1.89:", type="build")
    depends_on("llvm+clang", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("gmake", type="build")
    depends_on("mpi")

    def setup_build_environment(self, env: EnvironmentModifications) -> None:
        env.set("MLIP_NO_INSTALL", "1")
        env.set("MPICC", self.spec["mpi"].mpicc)
        env.set("LIBCLANG_PATH", self.spec["llvm"].prefix.lib)
        env.set("CARGO_HOME", join_path(self.stage.path, "cargo"))

    def build(self, spec, prefix):
        make("build")

    def install(self, spec, prefix):
        make("install", "PREFIX=%s" % prefix)
