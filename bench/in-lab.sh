# SPDX-License-Identifier: GPL-2.0-or-later
# What bench/run runs in the lab, for the part that $1 names: lab/run speaks bash, the measuring is done in Python.
exec python3 "bench/$1/measure" "$LAB_OUT/config.json" "$LAB_OUT/result.json"
