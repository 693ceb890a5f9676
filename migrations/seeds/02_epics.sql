-- The epics of the training. The code is the identity: running the file again
-- brings name, text and order back to what stands here, and never moves an id.
-- story_count belongs to 03_user_stories.sql, prerequisites to the end of this file.

INSERT INTO epics (code, name, description, order_index)
VALUES
    ('EPIC-01', 'Create a passport', 'Model a product as an Asset Administration Shell and issue its Digital Product Passport.', 1),
    ('EPIC-02', 'Prove compliance', 'Check a passport against ESPR and the Battery Regulation, and repair what is missing.', 2),
    ('EPIC-03', 'Share through a dataspace', 'Offer passport data under a policy, negotiate a contract and transfer the data.', 3),
    ('EPIC-04', 'Use and end of life', 'Read a passport as a consumer and hand the product back for recycling.', 4),
    ('EPIC-05', 'Build on the platform', 'Use the interfaces and extend the Playground as a developer.', 5)
ON CONFLICT (code) DO UPDATE
SET name = EXCLUDED.name,
    description = EXCLUDED.description,
    order_index = EXCLUDED.order_index;

UPDATE epics
SET prerequisite_epics = ARRAY[base.id]
FROM epics AS base
WHERE base.code = 'EPIC-01'
  AND epics.code IN ('EPIC-02', 'EPIC-03', 'EPIC-04')
  AND epics.prerequisite_epics IS DISTINCT FROM ARRAY[base.id];
