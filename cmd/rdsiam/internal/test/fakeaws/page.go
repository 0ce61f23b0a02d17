package fakeaws

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// pageOf returns the part of all from the marker on, and the marker of the next part.
func pageOf[T any](s *Server, c call, all []T) (page []T, marker string, failure *Failure) {
	size := 100
	for _, name := range []string{"MaxRecords", "MaxItems"} {
		if text := c.Parameters.Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 || name == "MaxRecords" && (n < 20 || n > 100) {
				return nil, "", &Failure{Status: http.StatusBadRequest, Code: "InvalidParameterValue", Message: "Invalid value " + text + " for " + name + ". Must be between 20 and 100"}
			}
			size = n
		}
	}
	if s.pageSize > 0 {
		size = s.pageSize
	}
	start := 0
	if text := c.Parameters.Get("Marker"); text != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(text, "from-"))
		if err != nil || n > len(all) {
			return nil, "", &Failure{Status: http.StatusBadRequest, Code: "InvalidParameterValue", Message: "The marker is invalid: " + text}
		}
		start = n
	}
	end := min(start+size, len(all))
	if end < len(all) {
		marker = "from-" + strconv.Itoa(end)
	}
	return slices.Clone(all[start:end]), marker, nil
}
