-- User stories, two or three an epic, then the number of stories of each epic.
-- The code is the identity, as in 02_epics.sql.

INSERT INTO user_stories (
    epic_id, code, title, description, acceptance_criteria,
    difficulty_level, estimated_duration_minutes, applicable_roles, order_index
)
SELECT
    epics.id, seed.code, seed.title, seed.description, seed.acceptance_criteria::jsonb,
    seed.difficulty_level, seed.minutes, seed.roles::varchar(50)[], seed.order_index
FROM (
    VALUES
        ('EPIC-01', 'US-01-01', 'Create a shell for a battery', 'As a manufacturer I create an Asset Administration Shell, so that my battery has a digital identity.', '["the shell has a global asset id", "the shell validates"]', 'beginner', 15, '{manufacturer,developer}', 1),
        ('EPIC-01', 'US-01-02', 'Add the technical data submodel', 'As a manufacturer I describe capacity, voltage and chemistry in a submodel.', '["the submodel is attached", "every mandatory property has a value"]', 'intermediate', 25, '{manufacturer,developer}', 2),
        ('EPIC-01', 'US-01-03', 'Export the passport as AASX', 'As a manufacturer I export the passport as a package that partners can open.', '["the package opens without a warning"]', 'intermediate', 20, '{manufacturer}', 3),
        ('EPIC-02', 'US-02-01', 'Run a first compliance check', 'As a manufacturer I check my passport before I put the battery on the market.', '["a report exists", "every finding names a regulation"]', 'beginner', 10, '{manufacturer,regulator}', 1),
        ('EPIC-02', 'US-02-02', 'Repair a missing carbon footprint', 'As a manufacturer I add the declared carbon footprint that the check asked for.', '["the finding is gone in the next report"]', 'intermediate', 20, '{manufacturer}', 2),
        ('EPIC-02', 'US-02-03', 'Inspect a passport as an authority', 'As a regulator I compare a passport with the rules that were valid on a given day.', '["the rule version is shown", "the decision is recorded"]', 'advanced', 30, '{regulator}', 3),
        ('EPIC-03', 'US-03-01', 'Publish an asset with a policy', 'As a manufacturer I offer passport data to recyclers only.', '["the asset is in the catalogue", "the policy restricts the consumer role"]', 'intermediate', 25, '{manufacturer,developer}', 1),
        ('EPIC-03', 'US-03-02', 'Negotiate and transfer', 'As a recycler I negotiate a contract and receive the dismantling data.', '["the negotiation is finalized", "the transfer is completed"]', 'advanced', 35, '{recycler,developer}', 2),
        ('EPIC-04', 'US-04-01', 'Scan a passport', 'As a consumer I scan the code on my battery and see origin and state of health.', '["the public part is shown", "no restricted property is shown"]', 'beginner', 10, '{consumer}', 1),
        ('EPIC-04', 'US-04-02', 'Take a battery apart', 'As a recycler I find the dismantling steps and the hazardous substances.', '["the dismantling steps are opened", "the recovered share is reported"]', 'intermediate', 25, '{recycler}', 2),
        ('EPIC-05', 'US-05-01', 'Read a passport through the interface', 'As a developer I fetch a passport and one of its submodels.', '["the request is authenticated", "the submodel is parsed"]', 'intermediate', 20, '{developer}', 1),
        ('EPIC-05', 'US-05-02', 'React to an event', 'As a developer I subscribe to the event stream and count completed stories.', '["the subscriber survives a restart"]', 'advanced', 40, '{developer}', 2)
) AS seed (epic_code, code, title, description, acceptance_criteria, difficulty_level, minutes, roles, order_index)
JOIN epics ON epics.code = seed.epic_code
ORDER BY seed.code
ON CONFLICT (code) DO UPDATE
SET epic_id = EXCLUDED.epic_id,
    title = EXCLUDED.title,
    description = EXCLUDED.description,
    acceptance_criteria = EXCLUDED.acceptance_criteria,
    difficulty_level = EXCLUDED.difficulty_level,
    estimated_duration_minutes = EXCLUDED.estimated_duration_minutes,
    applicable_roles = EXCLUDED.applicable_roles,
    order_index = EXCLUDED.order_index;

UPDATE epics
SET story_count = counted.stories
FROM (
    SELECT epic_id, count(*) AS stories
    FROM user_stories
    GROUP BY epic_id
) AS counted
WHERE counted.epic_id = epics.id
  AND epics.story_count IS DISTINCT FROM counted.stories;
