SELECT k.location FROM kolony.keeping k WHERE k.workspace_id = $1
