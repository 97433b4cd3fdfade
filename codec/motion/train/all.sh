#!/bin/sh
# Trains everything that is committed: `sh all.sh RECORDINGS`. The tables of the codec, then for measuring one set for each
# recording left out and one for each person with several. About 15 minutes on one core.
set -e
here=$(dirname "$0")
out="$here/../face/tables"
folds="$here/../../bench/folds"
fit() { "${PYTHON:-python3}" "$here/train.py" "$1" --json --out "$2" --prefix "$3" $4 $5 $6; }
fit "$1" "$out" ""
for name in S88-001 alex_rom_3 alex_rom_4 facial llv_dao; do fit "$1" "$folds" "$name-" --leave-out "$name"; done
fit "$1" "$folds" alex- --leave-out alex_rom_3 alex_rom_4
