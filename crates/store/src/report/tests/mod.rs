mod curves;
mod large_run;
mod parts;
mod small_run;
mod structures;
