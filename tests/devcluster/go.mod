// The launcher of the test cluster, and the programs of its images. Nothing but Go's
// own library.
module kliv.dev/devcluster

go 1.26.0
