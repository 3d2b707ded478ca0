SELECT r.action, r.needs, r.allowed, r.rule FROM kolony.my_rights($1) r
