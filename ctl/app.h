// One run of `lockstep`: parse, run the command, print the error, return the exit code.
#ifndef LOCKSTEP_CTL_APP_H_
#define LOCKSTEP_CTL_APP_H_

namespace lockstep::ctl {

int Main(int argc, char** argv);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_APP_H_
