#!/bin/sh
# RUSTC_WRAPPER of `npm run fuzz`: coverage is counted in the crates that read what comes from the network. libFuzzer looks
# at all counters after each input, so those of other crates would only make it slow.
compiler=$1
shift
case " $* " in
*" --crate-name hayate_core "* | *" --crate-name hayate_fuzz "* | *" --crate-name quinn_proto "* | *" --crate-name web_transport_proto "*)
  exec "$compiler" "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
  ;;
esac
exec "$compiler" "$@"
