// Which room may include which. Static libraries do not enforce layers: a header can be included
// without linking, and a link that works says nothing about direction. So a test reads the #include
// lines against this table.
#ifndef LOCKSTEP_TESTS_LAYERING_LAYERS_H_
#define LOCKSTEP_TESTS_LAYERING_LAYERS_H_

#include <string>
#include <vector>

#include "tests/layering/source_tree.h"

namespace lockstep::testing {

struct Layer {
  std::string room;                    // The directory: "engine/base".
  std::vector<std::string> rooms;      // Other rooms it may include.
  std::vector<std::string> libraries;  // Guarded libraries it may include: see kLibraries.
};

const std::vector<Layer>& Layers();

// What is wrong, one sentence each with file and line.
std::vector<std::string> CheckIncludes(const std::vector<Source>& sources);

// httplib.h is large and drags the network in: one .cc file of a program, never a header.
std::vector<std::string> CheckHttplib(const std::vector<Source>& sources);

// A room that is reached from itself; empty when there is none.
std::vector<std::string> CheckCycles(const std::vector<Layer>& layers);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_LAYERING_LAYERS_H_
