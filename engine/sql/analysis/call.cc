#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeCalls(Node /*node*/, StatementContext& /*context*/) {}

model::Volatility VolatilityOf(Node /*expression*/, StatementContext& /*context*/) {
  return model::Volatility::kVolatile;
}

}  // namespace lockstep::sql
