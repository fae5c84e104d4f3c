#!/bin/sh
# Measures the kernels of drive-core/internal/simd beside what they replace, and
# prints a table in Markdown: nanoseconds a call, and how many times as fast as "std"
# each path is. `make bench-simd` calls it; docs/simd.md holds what it printed.
set -eu

go=${GO:-go}
out=$(mktemp)
trap 'rm -f "$out"' EXIT

"$go" test -count=3 -run='^$' -bench='^BenchmarkKernels' -benchtime="${BENCHTIME:-30ms}" ./drive-core/internal/simd >"$out" ||
	{ cat "$out"; exit 1; }
cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1)
printf '%s, %s, %s\n\n' "${cpu:-$(sed -n 's/^cpu: //p' "$out")}" "$("$go" env GOOS)/$("$go" env GOARCH)" "$("$go" env GOVERSION)"
awk '
function median(list,    n, v, i, j, t) {
	n = split(list, v, " ")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j] + 0 < v[j-1] + 0; j--) { t = v[j]; v[j] = v[j-1]; v[j-1] = t }
	return v[int((n + 1) / 2)]
}
function cell(row, path,    m) {
	if (!((row, path) in runs)) return " |"
	m = median(runs[row, path])
	return sprintf(m < 1000 ? " %.1f (%.2f) |" : " %.0f (%.2f) |", m, std[row] / m)
}
/^Benchmark/ {
	sub(/-[0-9]+$/, "", $1)
	split($1, part, "/")
	row = part[2] " | " part[3]
	path = part[4] ~ /^std/ ? "std" : part[4]
	if (!(row in seen)) { seen[row] = 1; rows[++count] = row }
	runs[row, path] = runs[row, path] " " $3
}
END {
	print "| kernel | size | std, ns | off | avx2 | avx512 |"
	print "|---|---:|---:|---:|---:|---:|"
	for (i = 1; i <= count; i++) {
		row = rows[i]
		std[row] = median(runs[row, "std"])
		printf "| %s | " (std[row] < 1000 ? "%.1f" : "%.0f") " |%s%s%s\n", row, std[row], cell(row, "off"), cell(row, "avx2"), cell(row, "avx512")
	}
}' "$out"
