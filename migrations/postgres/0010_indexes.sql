-- Fewer pages for each life of a task. What is due is found in each lane (work_orders_head), and leases that end
-- soon are few enough to look at all of them.
DROP INDEX work_orders_due;
DROP INDEX tasks_leased;
DROP INDEX tasks_by_worker;
CREATE INDEX tasks_held ON tasks (lease_worker, lease_until) WHERE lease_worker IS NOT NULL;
