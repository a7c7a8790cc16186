drop table auth_epoch, api_keys;
