SELECT p.profile_id, p.login, p.display_name, p.avatar
FROM kolony.profiles p WHERE p.profile_id = kolony.my_profile_id()
