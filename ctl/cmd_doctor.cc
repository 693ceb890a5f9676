#include <string>

#include "ctl/commands.h"
#include "ctl/database_flag.h"
#include "ctl/doctor.h"
#include "ctl/doctor_coordinator.h"
#include "ctl/doctor_database.h"
#include "ctl/errors.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {

absl::StatusOr<int> RunDoctor(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const std::string database, FindDatabase(arguments));
  Diagnosis diagnosis;
  // Who asks about a database may well work without a coordinator, unless one was named.
  CheckCoordinator(context.client, database.empty() || context.client.named(), &diagnosis);
  if (!database.empty()) CheckDatabase(database, arguments.Text("--owner-role"), &diagnosis);
  if (context.flags.json) {
    context.console.Data(DiagnosisJson(diagnosis));
  } else {
    context.console.Data(DiagnosisText(diagnosis, context.console.out_style()));
  }
  return diagnosis.Count(Condition::kProblem) > 0 ? kExitBlocked : kExitDone;
}

}  // namespace lockstep::ctl
