-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text);
-- bad not run: a service file is read, not run
service: shop
adapted_to: 1
uses:
  - parcel.city
-- good
service: shop
adapted_to: 1
uses:
  - parcels.city
