package roots

import "testing"

// BenchmarkFirstUseOfRegion is the price of the first login to a region, here the
// last one of the bundle.
func BenchmarkFirstUseOfRegion(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if len(parse(section("us-west-2"))) != 3 {
			b.Fatal("no roots")
		}
	}
}
