#include <cstdio>

#include "memory.h"

int main() {
  std::printf("bare VmRSS %ld KiB, RssAnon %ld KiB\n", MemoryKib("VmRSS"), MemoryKib("RssAnon"));
}
