-- Rights, applied after the functions. EXECUTE is PUBLIC's by default, so it is taken away first, in
-- the transaction that created the functions. The three groups exist only where roles could be created.
REVOKE ALL ON SCHEMA lockstep FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA lockstep FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA lockstep FROM PUBLIC;
DO $$
BEGIN
  IF (SELECT NOT single_role FROM lockstep.setting) THEN
    GRANT USAGE ON SCHEMA lockstep TO lockstep_agents, lockstep_services, lockstep_coordinators;
    -- The same list is in roles.cc, for roles in single-role mode.
    GRANT EXECUTE ON FUNCTION lockstep.open, lockstep.close, lockstep.open_group, lockstep.close_group,
      lockstep.outcome, lockstep.lock_wait, lockstep.lock_holders, lockstep.oldest_transaction,
      lockstep.lock_statements, lockstep.statement_lock_holder, lockstep.plan_statements,
      lockstep.begin_statement, lockstep.end_statement, lockstep.backfill_part, lockstep.backfill_open, lockstep.backfill_close,
      lockstep.backfill_beat, lockstep.backfill_plan, lockstep.backfill_verified, lockstep.backfill_give_back,
      lockstep.backfill_health TO lockstep_agents;
    -- An instance that no coordinator answers asks the database itself: as its service, or as its migrator.
    GRANT EXECUTE ON FUNCTION lockstep.admit, lockstep.gate, lockstep.reserve_direct, lockstep.leave,
      lockstep.check_session TO lockstep_services, lockstep_agents;
    GRANT SELECT ON ALL TABLES IN SCHEMA lockstep TO lockstep_coordinators;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lockstep TO lockstep_coordinators;
    -- For the superuser of a private server alone, besides being refused without the mark.
    REVOKE EXECUTE ON FUNCTION lockstep.dev_require, lockstep.dev_unpublish, lockstep.dev_recover FROM lockstep_coordinators;
  END IF;
END $$;
