// What a command gets to work with. app.cc owns all of it for the length of one run.
#ifndef LOCKSTEP_CTL_CONTEXT_H_
#define LOCKSTEP_CTL_CONTEXT_H_

#include "ctl/arguments.h"
#include "ctl/client.h"
#include "ctl/console.h"
#include "ctl/interrupt.h"

namespace lockstep::ctl {

struct Context {
  const GlobalFlags& flags;
  Console& console;
  Interrupt& interrupt;
  Client& client;  // Connects with its first call, so that local commands need no coordinator.
};

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_CONTEXT_H_
