#include "engine/sql/analysis/setting.h"

#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeSetting(const SettingChange& /*change*/, Node /*at*/, StatementContext& context) {
  NotAnalysed(context);
}

}  // namespace lockstep::sql
