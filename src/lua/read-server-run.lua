-- Which run of which server holds a key; INFO alone would go to any node of a Cluster.
-- KEYS    any key
-- ARGV    none
-- returns its run_id
return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
