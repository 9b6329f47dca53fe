#include "leat/tensor.h"
int main(void){return 0;}
