// The database as the rest of the coordinator sees it: a pool of connections that the stores use.
#ifndef LOCKSTEP_COORDINATOR_STORE_DATABASE_H_
#define LOCKSTEP_COORDINATOR_STORE_DATABASE_H_

#include "engine/postgres/errors.h"
#include "engine/postgres/pool.h"

namespace lockstep::coordinator {

using Database = postgres::Pool;
using DatabaseOptions = postgres::PoolOptions;
using DatabaseConnection = postgres::Connection;

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_DATABASE_H_
