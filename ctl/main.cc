#include "ctl/app.h"

int main(int argc, char** argv) { return lockstep::ctl::Main(argc, argv); }
