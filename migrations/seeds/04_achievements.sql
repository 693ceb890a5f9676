-- Achievements of the training. A user's level needs no seed: user_points holds
-- it as a number, and there is no table of levels.

INSERT INTO achievements (code, name, description, points, rarity, criteria, category)
VALUES
    ('first-passport', 'First passport', 'Issue your first Digital Product Passport.', 50, 'common', '{"event": "dpp_created", "count": 1}', 'creation'),
    ('clean-report', 'Clean report', 'Get a compliance report without a finding.', 75, 'uncommon', '{"event": "compliance_passed", "count": 1}', 'compliance'),
    ('fixer', 'Fixer', 'Repair ten findings.', 100, 'rare', '{"event": "compliance_fix_applied", "count": 10}', 'compliance'),
    ('first-contract', 'First contract', 'Finalize a contract negotiation.', 75, 'uncommon', '{"event": "edc_negotiation_finalized", "count": 1}', 'dataspace'),
    ('gap-hunter', 'Gap hunter', 'Report three gaps that others vote for.', 60, 'uncommon', '{"event": "gap_report_upvoted", "count": 3}', 'collaboration'),
    ('loop-closed', 'Loop closed', 'Follow one battery from passport to recycling.', 200, 'epic', '{"stories": ["US-01-01", "US-02-01", "US-03-02", "US-04-02"]}', 'journey')
ON CONFLICT (code) DO UPDATE
SET name = EXCLUDED.name,
    description = EXCLUDED.description,
    points = EXCLUDED.points,
    rarity = EXCLUDED.rarity,
    criteria = EXCLUDED.criteria,
    category = EXCLUDED.category;
