// Package golden runs test cases that stand in one file each: a paragraph that
// says why the case is there, an input, and what is expected.
//
// Cases are txtar archives below a testdata directory, grouped by area:
//
//	testdata/<area>/<case>.txtar
//
//	The first lines say why.
//
//	-- input.yaml --
//	# include: base.yaml
//	kind: ...
//	-- conditions --
//	...
//
// A line "# include: FILE" in an input stands for testdata/include/FILE.
//
// The package compares texts and knows nothing of what they mean.
package golden
