mod curves;
mod in_order;
mod large_run;
mod parts;
mod small_run;
mod structures;
