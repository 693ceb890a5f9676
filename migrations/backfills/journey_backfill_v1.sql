-- lockstep:after 12
-- lockstep:table simulation_sessions
-- lockstep:key id
-- lockstep:batch 1000
--
-- lockstep:dual-write the services link each session that they start to its run
--
-- Gives every session that was started before journeys existed a journey run of
-- the template manufacturer-core-e2e, and links the session to it. Every
-- statement may be repeated: what is done is not done again.

-- lockstep:section prepare

INSERT INTO journey_templates (id, code, name, description, target_role)
VALUES (
    gen_random_uuid(),
    'manufacturer-core-e2e',
    'Manufacturer core journey',
    'From the first passport of a product to its release and transfer.',
    'manufacturer'
)
ON CONFLICT (code) DO NOTHING;

INSERT INTO journey_steps (id, template_id, step_key, title, action, order_index, help_text)
SELECT gen_random_uuid(), journey_templates.id, step.step_key, step.title, step.action, step.order_index, step.help_text
FROM journey_templates
CROSS JOIN (
    VALUES
        ('create-dpp', 'Create the passport', 'aas.create', 1, 'Create the shell and the submodels of your product.'),
        ('check-compliance', 'Check compliance', 'compliance.check', 2, 'Run the rules of every regulation that applies.'),
        ('fix-findings', 'Fix the findings', 'compliance.fix', 3, 'Repair what the report lists, then check again.'),
        ('negotiate-access', 'Negotiate access', 'edc.negotiate', 4, 'Agree on a policy with a partner in the dataspace.'),
        ('transfer-data', 'Transfer the data', 'edc.transfer', 5, 'Send the passport to the partner.')
) AS step (step_key, title, action, order_index, help_text)
WHERE journey_templates.code = 'manufacturer-core-e2e'
ON CONFLICT DO NOTHING;

-- lockstep:section batch

-- The session is linked first, to a run that the same statement then inserts:
-- the foreign key is checked at the end of the statement. A concurrent writer
-- that links a session itself makes the UPDATE skip that row, and a skipped row
-- gets no run. Without the template no run is inserted and the foreign key fails.
-- A session without a link counts as one without a run, whatever
-- journey_runs.session_id says: that column has no index to ask by.
WITH linked AS (
    UPDATE simulation_sessions
    SET journey_run_id = gen_random_uuid()
    WHERE id > $1
      AND id <= $2
      AND journey_run_id IS NULL
    RETURNING id, journey_run_id, user_id, active_role, started_at, last_activity
)
INSERT INTO journey_runs (
    id, template_id, user_id, active_role, locale, status,
    current_step_key, session_id, started_at, updated_at
)
SELECT
    linked.journey_run_id, journey_templates.id, linked.user_id, linked.active_role, 'en', 'active',
    'backfilled', linked.id, linked.started_at, COALESCE(linked.last_activity, linked.started_at)
FROM linked
CROSS JOIN journey_templates
WHERE journey_templates.code = 'manufacturer-core-e2e';

-- lockstep:section verify

-- Sessions left to do; none means done.
SELECT id
FROM simulation_sessions
WHERE journey_run_id IS NULL;

-- lockstep:section finish

-- For the platform's own scripts, which ask here whether they have run: in the
-- same transaction as the finding that nothing is left.
INSERT INTO migration_backfill_state (name, completed_at)
VALUES ('journey_backfill_v1', now())
ON CONFLICT (name) DO UPDATE SET completed_at = excluded.completed_at;
