-- To be written: its number keeps the row of migrations whole.

SELECT 1;
