// What this process has in memory, as the kernel counts it.
#ifndef OUTSIDE_MEMORY_H_
#define OUTSIDE_MEMORY_H_

#include <fstream>
#include <string>

// A value of /proc/self/status in KiB: "VmRSS" is all that is resident, "RssAnon" the part of it
// that is this process's own (heap, stacks, written data), the rest are pages of files, mostly
// libraries.
inline long MemoryKib(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    long kib = 0;
    if (word == name + ":" && status >> kib) return kib;
  }
  return -1;
}

#endif  // OUTSIDE_MEMORY_H_
