UPDATE kolony.profiles SET display_name = $1, avatar = $2
WHERE profile_id = kolony.my_profile_id() RETURNING login
